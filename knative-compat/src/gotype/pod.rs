//! The tables of `PodSpec` and `Container`: the fields that Knative's schema or its validation knows.

use super::model::{Field, Struct, Ty, inline, opt, ptr, req};
use super::volume::VOLUME;

const fn core(name: &'static str, fields: &'static [Field]) -> Struct {
    Struct { package: "v1", name, fields }
}

pub(super) static LOCAL_REFERENCE: Struct = core("LocalObjectReference", &[opt("name", "Name", Ty::Str)]);

static EXEC: Struct = core("ExecAction", &[opt("command", "Command", Ty::List(&Ty::Str))]);
static HEADER: Struct = core("HTTPHeader", &[req("name", "Name", Ty::Str), req("value", "Value", Ty::Str)]);
static HTTP_GET: Struct = core(
    "HTTPGetAction",
    &[
        opt("path", "Path", Ty::Str),
        req("port", "Port", Ty::IntOrStr),
        opt("host", "Host", Ty::Str),
        opt("scheme", "Scheme", Ty::Str),
        opt("httpHeaders", "HTTPHeaders", Ty::List(&Ty::Obj(&HEADER))),
    ],
);
static TCP: Struct = core("TCPSocketAction", &[req("port", "Port", Ty::IntOrStr), opt("host", "Host", Ty::Str)]);
static GRPC: Struct =
    core("GRPCAction", &[req("port", "Port", Ty::I32), Field { omit: false, ..ptr("service", "Service", Ty::Str) }]);
static HANDLER: Struct = core(
    "ProbeHandler",
    &[
        ptr("exec", "Exec", Ty::Obj(&EXEC)),
        ptr("httpGet", "HTTPGet", Ty::Obj(&HTTP_GET)),
        ptr("tcpSocket", "TCPSocket", Ty::Obj(&TCP)),
        ptr("grpc", "GRPC", Ty::Obj(&GRPC)),
    ],
);
static PROBE: Struct = core(
    "Probe",
    &[
        inline("ProbeHandler", &HANDLER),
        opt("initialDelaySeconds", "InitialDelaySeconds", Ty::I32),
        opt("timeoutSeconds", "TimeoutSeconds", Ty::I32),
        opt("periodSeconds", "PeriodSeconds", Ty::I32),
        opt("successThreshold", "SuccessThreshold", Ty::I32),
        opt("failureThreshold", "FailureThreshold", Ty::I32),
        ptr("terminationGracePeriodSeconds", "TerminationGracePeriodSeconds", Ty::I64).pruned(),
    ],
);

pub(super) static OBJECT_FIELD: Struct =
    core("ObjectFieldSelector", &[opt("apiVersion", "APIVersion", Ty::Str), req("fieldPath", "FieldPath", Ty::Str)]);
pub(super) static RESOURCE_FIELD: Struct = core(
    "ResourceFieldSelector",
    &[
        opt("containerName", "ContainerName", Ty::Str),
        req("resource", "Resource", Ty::Str),
        req("divisor", "Divisor", Ty::Quantity),
    ],
);
static CONFIG_MAP_KEY: Struct = core(
    "ConfigMapKeySelector",
    &[inline("LocalObjectReference", &LOCAL_REFERENCE), req("key", "Key", Ty::Str), ptr("optional", "Optional", Ty::Bool)],
);
static SECRET_KEY: Struct = core(
    "SecretKeySelector",
    &[inline("LocalObjectReference", &LOCAL_REFERENCE), req("key", "Key", Ty::Str), ptr("optional", "Optional", Ty::Bool)],
);
static ENV_SOURCE: Struct = core(
    "EnvVarSource",
    &[
        ptr("fieldRef", "FieldRef", Ty::Obj(&OBJECT_FIELD)).open(),
        ptr("resourceFieldRef", "ResourceFieldRef", Ty::Obj(&RESOURCE_FIELD)).open(),
        ptr("configMapKeyRef", "ConfigMapKeyRef", Ty::Obj(&CONFIG_MAP_KEY)),
        ptr("secretKeyRef", "SecretKeyRef", Ty::Obj(&SECRET_KEY)),
    ],
);
static ENV: Struct = core(
    "EnvVar",
    &[req("name", "Name", Ty::Str), opt("value", "Value", Ty::Str), ptr("valueFrom", "ValueFrom", Ty::Obj(&ENV_SOURCE))],
);
static ENV_REFERENCE: Struct =
    core("ConfigMapEnvSource", &[inline("LocalObjectReference", &LOCAL_REFERENCE), ptr("optional", "Optional", Ty::Bool)]);
static SECRET_ENV: Struct =
    core("SecretEnvSource", &[inline("LocalObjectReference", &LOCAL_REFERENCE), ptr("optional", "Optional", Ty::Bool)]);
static ENV_FROM: Struct = core(
    "EnvFromSource",
    &[
        opt("prefix", "Prefix", Ty::Str),
        ptr("configMapRef", "ConfigMapRef", Ty::Obj(&ENV_REFERENCE)),
        ptr("secretRef", "SecretRef", Ty::Obj(&SECRET_ENV)),
    ],
);
static PORT: Struct = core(
    "ContainerPort",
    &[
        opt("name", "Name", Ty::Str),
        opt("hostPort", "HostPort", Ty::I32).pruned(),
        req("containerPort", "ContainerPort", Ty::I32),
        opt("protocol", "Protocol", Ty::Str),
        opt("hostIP", "HostIP", Ty::Str).pruned(),
    ],
);
static CLAIM: Struct = core("ResourceClaim", &[req("name", "Name", Ty::Str)]);
static RESOURCES: Struct = core(
    "ResourceRequirements",
    &[
        opt("limits", "Limits", Ty::Map(&Ty::Quantity)),
        opt("requests", "Requests", Ty::Map(&Ty::Quantity)),
        opt("claims", "Claims", Ty::List(&Ty::Obj(&CLAIM))),
    ],
);
static CAPABILITIES: Struct =
    core("Capabilities", &[opt("add", "Add", Ty::List(&Ty::Str)), opt("drop", "Drop", Ty::List(&Ty::Str))]);
static SECCOMP: Struct =
    core("SeccompProfile", &[req("type", "Type", Ty::Str), ptr("localhostProfile", "LocalhostProfile", Ty::Str)]);
static SECURITY: Struct = core(
    "SecurityContext",
    &[
        ptr("capabilities", "Capabilities", Ty::Obj(&CAPABILITIES)),
        ptr("privileged", "Privileged", Ty::Bool).pruned(),
        ptr("seLinuxOptions", "SELinuxOptions", Ty::Any).pruned(),
        ptr("windowsOptions", "WindowsOptions", Ty::Any).pruned(),
        ptr("runAsUser", "RunAsUser", Ty::I64),
        ptr("runAsGroup", "RunAsGroup", Ty::I64),
        ptr("runAsNonRoot", "RunAsNonRoot", Ty::Bool),
        ptr("readOnlyRootFilesystem", "ReadOnlyRootFilesystem", Ty::Bool),
        ptr("allowPrivilegeEscalation", "AllowPrivilegeEscalation", Ty::Bool),
        ptr("procMount", "ProcMount", Ty::Str).pruned(),
        ptr("seccompProfile", "SeccompProfile", Ty::Obj(&SECCOMP)),
        ptr("appArmorProfile", "AppArmorProfile", Ty::Any).pruned(),
    ],
);
static MOUNT: Struct = core(
    "VolumeMount",
    &[
        req("name", "Name", Ty::Str),
        opt("readOnly", "ReadOnly", Ty::Bool),
        ptr("recursiveReadOnly", "RecursiveReadOnly", Ty::Str).pruned(),
        req("mountPath", "MountPath", Ty::Str),
        opt("subPath", "SubPath", Ty::Str),
        ptr("mountPropagation", "MountPropagation", Ty::Str).pruned(),
        opt("subPathExpr", "SubPathExpr", Ty::Str).pruned(),
    ],
);

pub(super) static CONTAINER: Struct = core(
    "Container",
    &[
        req("name", "Name", Ty::Str),
        opt("image", "Image", Ty::Str),
        opt("command", "Command", Ty::List(&Ty::Str)),
        opt("args", "Args", Ty::List(&Ty::Str)),
        opt("workingDir", "WorkingDir", Ty::Str),
        opt("ports", "Ports", Ty::List(&Ty::Obj(&PORT))),
        opt("envFrom", "EnvFrom", Ty::List(&Ty::Obj(&ENV_FROM))),
        opt("env", "Env", Ty::List(&Ty::Obj(&ENV))),
        opt("resources", "Resources", Ty::Obj(&RESOURCES)),
        opt("volumeMounts", "VolumeMounts", Ty::List(&Ty::Obj(&MOUNT))),
        opt("volumeDevices", "VolumeDevices", Ty::List(&Ty::Any)).pruned(),
        ptr("livenessProbe", "LivenessProbe", Ty::Obj(&PROBE)),
        ptr("readinessProbe", "ReadinessProbe", Ty::Obj(&PROBE)),
        ptr("startupProbe", "StartupProbe", Ty::Obj(&PROBE)),
        ptr("lifecycle", "Lifecycle", Ty::Any).pruned(),
        opt("terminationMessagePath", "TerminationMessagePath", Ty::Str),
        opt("terminationMessagePolicy", "TerminationMessagePolicy", Ty::Str),
        opt("imagePullPolicy", "ImagePullPolicy", Ty::Str),
        ptr("securityContext", "SecurityContext", Ty::Obj(&SECURITY)),
        opt("stdin", "Stdin", Ty::Bool).pruned(),
        opt("stdinOnce", "StdinOnce", Ty::Bool).pruned(),
        opt("tty", "TTY", Ty::Bool).pruned(),
    ],
);

pub(super) static POD_SPEC: Struct = core(
    "PodSpec",
    &[
        opt("volumes", "Volumes", Ty::List(&Ty::Obj(&VOLUME))),
        opt("initContainers", "InitContainers", Ty::List(&Ty::Obj(&CONTAINER))).open(),
        req("containers", "Containers", Ty::List(&Ty::Obj(&CONTAINER))),
        opt("dnsPolicy", "DNSPolicy", Ty::Str),
        opt("nodeSelector", "NodeSelector", Ty::Map(&Ty::Str)).open(),
        opt("serviceAccountName", "ServiceAccountName", Ty::Str),
        ptr("automountServiceAccountToken", "AutomountServiceAccountToken", Ty::Bool),
        opt("hostNetwork", "HostNetwork", Ty::Bool).pruned(),
        opt("hostPID", "HostPID", Ty::Bool).pruned(),
        opt("hostIPC", "HostIPC", Ty::Bool).pruned(),
        ptr("shareProcessNamespace", "ShareProcessNamespace", Ty::Bool).open(),
        ptr("securityContext", "SecurityContext", Ty::Any).open(),
        opt("imagePullSecrets", "ImagePullSecrets", Ty::List(&Ty::Obj(&LOCAL_REFERENCE))),
        ptr("affinity", "Affinity", Ty::Any).open(),
        opt("schedulerName", "SchedulerName", Ty::Str).open(),
        opt("tolerations", "Tolerations", Ty::List(&Ty::Any)).open(),
        opt("hostAliases", "HostAliases", Ty::List(&Ty::Any)).open(),
        opt("priorityClassName", "PriorityClassName", Ty::Str).open(),
        ptr("dnsConfig", "DNSConfig", Ty::Any).open(),
        ptr("runtimeClassName", "RuntimeClassName", Ty::Str).open(),
        ptr("enableServiceLinks", "EnableServiceLinks", Ty::Bool),
        opt("topologySpreadConstraints", "TopologySpreadConstraints", Ty::List(&Ty::Any)).open(),
    ],
);
