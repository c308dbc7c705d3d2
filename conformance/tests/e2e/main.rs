//! Skiff from outside: real servers, unmodified clients, recorded exchanges. One binary, because each links the `kube` crate.
//!
//! Every test starts and stops servers of its own. What cannot run on a machine (a client that could not be installed, no root
//! for containerd) is skipped by name on standard error.

mod clients;
mod containerd;
mod durability;
mod exchanges;
mod kn;
mod kube_client;
mod kube_controller;
mod kubectl;
mod limits;
mod neighbour;
mod printed;
mod reads;
mod suites;
mod table;
mod transcript;
mod words;
