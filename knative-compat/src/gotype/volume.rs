//! The tables of `Volume` and its sources.

use super::model::{Field, Struct, Ty, inline, opt, ptr, req};
use super::pod::{LOCAL_REFERENCE, OBJECT_FIELD, RESOURCE_FIELD};

const fn core(name: &'static str, fields: &'static [Field]) -> Struct {
    Struct { package: "v1", name, fields }
}

static KEY_TO_PATH: Struct =
    core("KeyToPath", &[req("key", "Key", Ty::Str), req("path", "Path", Ty::Str), ptr("mode", "Mode", Ty::I32)]);
static SECRET: Struct = core(
    "SecretVolumeSource",
    &[
        opt("secretName", "SecretName", Ty::Str),
        opt("items", "Items", Ty::List(&Ty::Obj(&KEY_TO_PATH))),
        ptr("defaultMode", "DefaultMode", Ty::I32),
        ptr("optional", "Optional", Ty::Bool),
    ],
);
static CONFIG_MAP: Struct = core(
    "ConfigMapVolumeSource",
    &[
        inline("LocalObjectReference", &LOCAL_REFERENCE),
        opt("items", "Items", Ty::List(&Ty::Obj(&KEY_TO_PATH))),
        ptr("defaultMode", "DefaultMode", Ty::I32),
        ptr("optional", "Optional", Ty::Bool),
    ],
);
static SECRET_PROJECTION: Struct = core(
    "SecretProjection",
    &[
        inline("LocalObjectReference", &LOCAL_REFERENCE),
        opt("items", "Items", Ty::List(&Ty::Obj(&KEY_TO_PATH))),
        ptr("optional", "Optional", Ty::Bool),
    ],
);
static CONFIG_MAP_PROJECTION: Struct = core(
    "ConfigMapProjection",
    &[
        inline("LocalObjectReference", &LOCAL_REFERENCE),
        opt("items", "Items", Ty::List(&Ty::Obj(&KEY_TO_PATH))),
        ptr("optional", "Optional", Ty::Bool),
    ],
);
static DOWNWARD_FILE: Struct = core(
    "DownwardAPIVolumeFile",
    &[
        req("path", "Path", Ty::Str),
        ptr("fieldRef", "FieldRef", Ty::Obj(&OBJECT_FIELD)),
        ptr("resourceFieldRef", "ResourceFieldRef", Ty::Obj(&RESOURCE_FIELD)),
        ptr("mode", "Mode", Ty::I32),
    ],
);
static DOWNWARD: Struct = core("DownwardAPIProjection", &[opt("items", "Items", Ty::List(&Ty::Obj(&DOWNWARD_FILE)))]);
static TOKEN: Struct = core(
    "ServiceAccountTokenProjection",
    &[opt("audience", "Audience", Ty::Str), ptr("expirationSeconds", "ExpirationSeconds", Ty::I64), req("path", "Path", Ty::Str)],
);
static PROJECTION: Struct = core(
    "VolumeProjection",
    &[
        ptr("secret", "Secret", Ty::Obj(&SECRET_PROJECTION)),
        ptr("downwardAPI", "DownwardAPI", Ty::Obj(&DOWNWARD)),
        ptr("configMap", "ConfigMap", Ty::Obj(&CONFIG_MAP_PROJECTION)),
        ptr("serviceAccountToken", "ServiceAccountToken", Ty::Obj(&TOKEN)),
    ],
);
static PROJECTED: Struct = core(
    "ProjectedVolumeSource",
    &[
        Field { omit: false, ..opt("sources", "Sources", Ty::List(&Ty::Obj(&PROJECTION))) },
        ptr("defaultMode", "DefaultMode", Ty::I32),
    ],
);
static EMPTY_DIR: Struct =
    core("EmptyDirVolumeSource", &[opt("medium", "Medium", Ty::Str), ptr("sizeLimit", "SizeLimit", Ty::Quantity)]);
static CLAIM: Struct =
    core("PersistentVolumeClaimVolumeSource", &[req("claimName", "ClaimName", Ty::Str), opt("readOnly", "ReadOnly", Ty::Bool)]);
static SOURCE: Struct = core(
    "VolumeSource",
    &[
        ptr("hostPath", "HostPath", Ty::Any).pruned(),
        ptr("emptyDir", "EmptyDir", Ty::Obj(&EMPTY_DIR)).open(),
        ptr("secret", "Secret", Ty::Obj(&SECRET)),
        ptr("configMap", "ConfigMap", Ty::Obj(&CONFIG_MAP)),
        ptr("persistentVolumeClaim", "PersistentVolumeClaim", Ty::Obj(&CLAIM)).open(),
        ptr("projected", "Projected", Ty::Obj(&PROJECTED)),
        ptr("csi", "CSI", Ty::Any).pruned(),
        ptr("ephemeral", "Ephemeral", Ty::Any).pruned(),
        ptr("image", "Image", Ty::Any).pruned(),
    ],
);

pub(super) static VOLUME: Struct = core("Volume", &[req("name", "Name", Ty::Str), inline("VolumeSource", &SOURCE)]);
