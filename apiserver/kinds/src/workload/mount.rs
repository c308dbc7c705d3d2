//! Where containers mount volumes and devices, and the paths they name.
//!
//! Fed by the container and volume checks. Knows of a volume only its name and its kind.

use super::read::{Faults, Read};
use crate::field::FieldError;
use serde_json::Value;

/// `must not contain '..'`, once.
pub(crate) fn no_backsteps(out: &mut Faults, target: &str, field: &str) {
    if target.split('/').any(|step| step == "..") {
        out.push(FieldError::invalid(field, target, "must not contain '..'"));
    }
}

/// A relative path that does not climb; `reserved` also refuses names that begin with `..`.
pub(crate) fn local_path(out: &mut Faults, target: &str, field: &str, reserved: bool) {
    if target.starts_with('/') {
        out.push(FieldError::invalid(field, target, "must be a relative path"));
    }
    no_backsteps(out, target, field);
    // The check of the steps has already caught `..` itself and `../x`.
    if reserved && target.starts_with("..") && target != ".." && !target.starts_with("../") {
        out.push(FieldError::invalid(field, target, "must not start with '..'"));
    }
}

fn find<'a>(volumes: &[&'a Value], name: &str) -> Option<&'a Value> {
    volumes.iter().copied().find(|v| v.text("name") == name)
}

/// Every fault of `volumeMounts`.
pub(crate) fn mounts(out: &mut Faults, container: &Value, volumes: &[&Value], path: &str) {
    let devices = container.list("volumeDevices");
    let mut taken: Vec<&str> = Vec::new();
    for (i, mount) in container.list("volumeMounts").iter().enumerate() {
        let item = format!("{path}[{i}]");
        let (name, target) = (mount.text("name"), mount.text("mountPath"));
        if name.is_empty() {
            out.push(FieldError::required(format!("{item}.name"), ""));
        }
        let volume = find(volumes, name);
        if volume.is_none() {
            out.push(FieldError::not_found(format!("{item}.name"), name));
        }
        if target.is_empty() {
            out.push(FieldError::required(format!("{item}.mountPath"), ""));
        }
        if taken.contains(&target) {
            out.push(FieldError::invalid(format!("{item}.mountPath"), target, "must be unique"));
        }
        taken.push(target);
        if devices.iter().any(|d| d.text("name") == name) {
            out.push(FieldError::invalid(format!("{item}.name"), name, "must not already exist in volumeDevices"));
        }
        if devices.iter().any(|d| d.text("devicePath") == target) {
            let detail = "must not already exist as a path in volumeDevices";
            out.push(FieldError::invalid(format!("{item}.mountPath"), target, detail));
        }
        sub_path(out, mount, &item, path);
        propagation(out, mount, container, path);
    }
}

fn sub_path(out: &mut Faults, mount: &Value, item: &str, path: &str) {
    let (sub, expr) = (mount.text("subPath"), mount.text("subPathExpr"));
    // Upstream reports these on the list, not on its item.
    if !sub.is_empty() {
        local_path(out, sub, &format!("{path}.subPath"), false);
    }
    if !expr.is_empty() {
        if !sub.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            out.push(FieldError::invalid(format!("{item}.subPathExpr"), expr, detail));
        }
        local_path(out, expr, &format!("{path}.subPathExpr"), false);
    }
}

fn propagation(out: &mut Faults, mount: &Value, container: &Value, path: &str) {
    let mode = mount.text("mountPropagation");
    if mount.has("mountPropagation") {
        let field = format!("{path}.mountPropagation");
        let known = ["Bidirectional", "HostToContainer", "None"];
        if !known.contains(&mode) {
            out.push(FieldError::not_supported(field.clone(), mode, &known));
        }
        let privileged = container.at("securityContext").is_some_and(|s| s.flag("privileged"));
        if mode == "Bidirectional" && !privileged {
            let detail = "Bidirectional mount propagation is available only to privileged containers";
            out.push(FieldError::forbidden(field, detail));
        }
    }
    if !mount.has("recursiveReadOnly") {
        return;
    }
    let field = format!("{path}.recursiveReadOnly");
    match mount.text("recursiveReadOnly") {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.flag("readOnly") {
                out.push(FieldError::forbidden(field.clone(), "may only be specified when readOnly is true"));
            }
            if !matches!(mode, "" | "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                out.push(FieldError::forbidden(field, detail));
            }
        }
        other => out.push(FieldError::not_supported(field, other, &["Disabled", "Enabled", "IfPossible"])),
    }
}

/// Every fault of `volumeDevices`.
pub(crate) fn devices(out: &mut Faults, container: &Value, volumes: &[&Value], path: &str) {
    let mounts = container.list("volumeMounts");
    let (mut names, mut paths): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for (i, device) in container.list("volumeDevices").iter().enumerate() {
        let (name, target) = (device.text("name"), device.text("devicePath"));
        let (name_field, path_field) = (format!("{path}[{i}].name"), format!("{path}[{i}].devicePath"));
        if name.is_empty() {
            out.push(FieldError::required(name_field.clone(), ""));
        }
        if names.contains(&name) {
            out.push(FieldError::invalid(name_field.clone(), name, "must be unique"));
        }
        match find(volumes, name) {
            None => out.push(FieldError::not_found(name_field.clone(), name)),
            Some(volume) if !volume.has("persistentVolumeClaim") && !volume.has("ephemeral") => {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                out.push(FieldError::invalid(name_field.clone(), name, detail));
            }
            Some(_) => {}
        }
        if target.is_empty() {
            out.push(FieldError::required(path_field.clone(), ""));
        }
        if paths.contains(&target) {
            out.push(FieldError::invalid(path_field.clone(), target, "must be unique"));
        }
        if target.split('/').any(|step| step == "..") {
            out.push(FieldError::invalid(path_field.clone(), target, "can not contain backsteps ('..')"));
        } else {
            paths.push(target);
        }
        if mounts.iter().any(|m| m.text("name") == name) {
            out.push(FieldError::invalid(name_field, name, "must not already exist in volumeMounts"));
        }
        if mounts.iter().any(|m| m.text("mountPath") == target) {
            let detail = "must not already exist as a path in volumeMounts";
            out.push(FieldError::invalid(path_field, target, detail));
        }
        if !name.is_empty() {
            names.push(name);
        }
    }
}
