//! Which nodes `up` starts, and what fake ones are like.

use clap::Args;
use std::ffi::OsString;
use std::str::FromStr;

/// What runs sandboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// One real node on this machine.
    Containerd,
    /// So many nodes that only pretend.
    Fake(u32),
}

impl Nodes {
    /// How many there will be.
    pub fn number(self) -> u32 {
        match self {
            Nodes::Containerd => 1,
            Nodes::Fake(number) => number,
        }
    }
}

impl FromStr for Nodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "containerd" => Ok(Nodes::Containerd),
            Some(("fake", number)) => match number.parse() {
                Ok(number @ 1..) => Ok(Nodes::Fake(number)),
                _ => Err(format!("{number:?} is no number of nodes")),
            },
            _ => Err("say `containerd` or `fake:N`".to_owned()),
        }
    }
}

/// What fake nodes are like.
#[derive(Args, Clone, Debug)]
pub struct Fleet {
    /// Largest number of sandboxes of one fake node.
    #[arg(long, value_name = "N", default_value_t = 4_000, help_heading = "Fake nodes")]
    pub fake_pods_max: u16,
    /// CPU of one fake node, in thousandths of a core.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, help_heading = "Fake nodes")]
    pub fake_cpu_milli: u32,
    /// Memory of one fake node, in MiB.
    #[arg(long, value_name = "N", default_value_t = 4 << 20, help_heading = "Fake nodes")]
    pub fake_memory_mib: u32,
    /// Milliseconds from the order to a ready sandbox on a fake node.
    #[arg(long, value_name = "MS", default_value_t = 0, help_heading = "Fake nodes")]
    pub fake_ready_after_ms: u64,
}

impl Fleet {
    /// The same again, as arguments.
    pub fn argv(&self) -> Vec<OsString> {
        [
            ("--fake-pods-max", self.fake_pods_max.to_string()),
            ("--fake-cpu-milli", self.fake_cpu_milli.to_string()),
            ("--fake-memory-mib", self.fake_memory_mib.to_string()),
            ("--fake-ready-after-ms", self.fake_ready_after_ms.to_string()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [OsString::from(name), OsString::from(value)])
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Nodes;

    #[test]
    fn nodes_are_read() {
        assert_eq!("containerd".parse(), Ok(Nodes::Containerd));
        assert_eq!("fake:250".parse(), Ok(Nodes::Fake(250)));
        for wrong in ["", "fake", "fake:0", "fake:x", "docker", "containerd:1"] {
            assert!(wrong.parse::<Nodes>().is_err(), "{wrong}");
        }
    }
}
