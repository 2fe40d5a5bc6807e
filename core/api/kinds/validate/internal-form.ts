/**
 * Structures as Kubernetes shows them inside messages: with the field names and the nil values of its Go types. Users see
 * them in errors like "pod updates may not change fields other than …", and tools compare them. Texts and numbers have
 * a zero value there, all else is null. One line per type: field names, "=" and the JSON name where it is not the same with a small first letter, ":" and the type
 * of structures, with "?" where it may be absent, "[]" before lists.
 */
const TYPES: { readonly [type: string]: string } = {
  PodSpec:
    "Volumes:[]Volume InitContainers:[]Container Containers:[]Container EphemeralContainers:[]EphemeralContainer RestartPolicy:s TerminationGracePeriodSeconds ActiveDeadlineSeconds DNSPolicy=dnsPolicy:s " +
    "NodeSelector:map ServiceAccountName:s AutomountServiceAccountToken NodeName:s SecurityContext:PodSecurityContext? ImagePullSecrets:[]Named Hostname:s Subdomain:s SetHostnameAsFQDN=setHostnameAsFQDN Affinity:Affinity? " +
    "SchedulerName:s Tolerations:[]Toleration HostAliases:[]HostAlias PriorityClassName:s Priority PreemptionPolicy DNSConfig=dnsConfig:PodDNSConfig? ReadinessGates:[]ReadinessGate RuntimeClassName Overhead:map " +
    "EnableServiceLinks TopologySpreadConstraints:[]TopologySpreadConstraint OS=os:Named? SchedulingGates:[]Named ResourceClaims:[]PodResourceClaim Resources:ResourceRequirements? HostnameOverride SchedulingGroup:SchedulingGroup?",
  PodSecurityContext:
    "HostNetwork:b HostPID=hostPID:b HostIPC=hostIPC:b ShareProcessNamespace HostUsers SELinuxOptions=seLinuxOptions:SELinuxOptions? WindowsOptions:WindowsOptions? RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups " +
    "SupplementalGroupsPolicy FSGroup=fsGroup FSGroupChangePolicy=fsGroupChangePolicy Sysctls:[]Sysctl SeccompProfile:SeccompProfile? AppArmorProfile:AppArmorProfile? SELinuxChangePolicy=seLinuxChangePolicy",
  Container: `${containerFields()} Stdin:b StdinOnce:b TTY=tty:b`,
  EphemeralContainer: `${containerFields()} Stdin:b StdinOnce:b TTY=tty:b TargetContainerName:s`,
  ContainerPort: "Name:s HostPort:n ContainerPort:n Protocol:s HostIP=hostIP:s",
  EnvFromSource: "Prefix:s ConfigMapRef:OptionalName? SecretRef:OptionalName?",
  OptionalName: "Name:s Optional",
  EnvVar: "Name:s Value:s ValueFrom:EnvVarSource?",
  EnvVarSource: "FieldRef:FieldRef? ResourceFieldRef:ResourceFieldRef? ConfigMapKeyRef:KeyRef? SecretKeyRef:KeyRef? FileKeyRef:FileKeyRef?",
  FieldRef: "APIVersion=apiVersion:s FieldPath:s",
  ResourceFieldRef: "ContainerName:s Resource:s Divisor:q",
  KeyRef: "Name:s Key:s Optional",
  FileKeyRef: "VolumeName:s Path:s Key:s Optional",
  ResourceRequirements: "Limits:map Requests:map Claims:[]ClaimRef",
  ClaimRef: "Name:s Request:s",
  ResizePolicy: "ResourceName:s RestartPolicy:s",
  RestartRule: "Action:s ExitCodes:ExitCodes?",
  ExitCodes: "Operator:s Values",
  VolumeMount: "Name:s ReadOnly:b RecursiveReadOnly MountPath:s SubPath:s MountPropagation SubPathExpr:s",
  VolumeDevice: "Name:s DevicePath:s",
  Probe:
    "Exec:Exec? HTTPGet=httpGet:HTTPGet? TCPSocket=tcpSocket:TCPSocket? GRPC=grpc:GRPC? InitialDelaySeconds:n TimeoutSeconds:n PeriodSeconds:n SuccessThreshold:n FailureThreshold:n TerminationGracePeriodSeconds",
  Lifecycle: "PostStart:Handler? PreStop:Handler? StopSignal",
  Handler: "Exec:Exec? HTTPGet=httpGet:HTTPGet? TCPSocket=tcpSocket:TCPSocket? Sleep:Sleep?",
  Exec: "Command",
  HTTPGet: "Path:s Port Host:s Scheme:s HTTPHeaders=httpHeaders:[]NameValue",
  TCPSocket: "Port Host:s",
  GRPC: "Port:n Service",
  Sleep: "Seconds:n",
  NameValue: "Name:s Value:s",
  SecurityContext:
    "Capabilities:Capabilities? Privileged SELinuxOptions=seLinuxOptions:SELinuxOptions? WindowsOptions:WindowsOptions? RunAsUser RunAsGroup RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount " +
    "SeccompProfile:SeccompProfile? AppArmorProfile:AppArmorProfile?",
  Capabilities: "Add Drop",
  SELinuxOptions: "User:s Role:s Type:s Level:s",
  WindowsOptions: "GMSACredentialSpecName=gmsaCredentialSpecName GMSACredentialSpec=gmsaCredentialSpec RunAsUserName HostProcess",
  SeccompProfile: "Type:s LocalhostProfile",
  AppArmorProfile: "Type:s LocalhostProfile",
  Sysctl: "Name:s Value:s",
  Named: "Name:s",
  HostAlias: "IP=ip:s Hostnames",
  PodDNSConfig: "Nameservers Searches Options:[]DNSOption",
  DNSOption: "Name:s Value",
  ReadinessGate: "ConditionType:s",
  PodResourceClaim: "Name:s ResourceClaimName ResourceClaimTemplateName",
  SchedulingGroup: "PodGroupName",
  Toleration: "Key:s Operator:s Value:s Effect:s TolerationSeconds",
  Taint: "Key:s Value:s Effect:s TimeAdded",
  TopologySpreadConstraint: "MaxSkew:n TopologyKey:s WhenUnsatisfiable:s LabelSelector:raw MinDomains NodeAffinityPolicy NodeTaintsPolicy MatchLabelKeys",
  Affinity: "NodeAffinity:NodeAffinity? PodAffinity:PodAffinity? PodAntiAffinity:PodAffinity?",
  NodeAffinity: "RequiredDuringSchedulingIgnoredDuringExecution:NodeSelector? PreferredDuringSchedulingIgnoredDuringExecution:[]PreferredNode",
  NodeSelector: "NodeSelectorTerms:[]NodeTerm",
  NodeTerm: "MatchExpressions:[]NodeRequirement MatchFields:[]NodeRequirement",
  NodeRequirement: "Key:s Operator:s Values",
  PreferredNode: "Weight:n Preference:NodeTerm",
  PodAffinity: "RequiredDuringSchedulingIgnoredDuringExecution:[]PodTerm PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedTerm",
  WeightedTerm: "Weight:n PodAffinityTerm:PodTerm",
  PodTerm: "LabelSelector:raw Namespaces TopologyKey:s NamespaceSelector:raw MatchLabelKeys MismatchLabelKeys",
  Volume:
    "Name:s HostPath:HostPath? EmptyDir:EmptyDir? GCEPersistentDisk=gcePersistentDisk:raw AWSElasticBlockStore=awsElasticBlockStore:raw GitRepo:raw Secret:SecretVolume? NFS=nfs:NFS? ISCSI=iscsi:raw Glusterfs:raw " +
    "PersistentVolumeClaim:ClaimVolume? RBD=rbd:raw Quobyte:raw FlexVolume:raw Cinder:raw CephFS=cephfs:raw Flocker:raw DownwardAPI=downwardAPI:DownwardVolume? FC=fc:raw AzureFile:raw ConfigMap:ConfigMapVolume? " +
    "VsphereVolume:raw AzureDisk:raw PhotonPersistentDisk:raw Projected:Projected? PortworxVolume:raw ScaleIO=scaleIO:raw StorageOS=storageos:raw CSI=csi:raw Ephemeral:raw Image:ImageVolume?",
  HostPath: "Path:s Type",
  EmptyDir: "Medium:s SizeLimit",
  SecretVolume: "SecretName:s Items:[]KeyToPath DefaultMode Optional",
  ConfigMapVolume: "Name:s Items:[]KeyToPath DefaultMode Optional",
  NFS: "Server:s Path:s ReadOnly:b",
  ClaimVolume: "ClaimName:s ReadOnly:b",
  KeyToPath: "Key:s Path:s Mode",
  DownwardVolume: "Items:[]DownwardFile DefaultMode",
  DownwardFile: "Path:s FieldRef:FieldRef? ResourceFieldRef:ResourceFieldRef? Mode",
  ImageVolume: "Reference:s PullPolicy:s",
  Projected: "Sources:[]Projection DefaultMode",
  Projection: "Secret:SecretProjection? DownwardAPI=downwardAPI:DownwardProjection? ConfigMap:SecretProjection? ServiceAccountToken:TokenProjection? ClusterTrustBundle:raw PodCertificate:raw",
  SecretProjection: "Name:s Items:[]KeyToPath Optional",
  DownwardProjection: "Items:[]DownwardFile",
  TokenProjection: "Audience:s ExpirationSeconds:n Path:s",
  PersistentVolumeSource:
    "GCEPersistentDisk=gcePersistentDisk:raw AWSElasticBlockStore=awsElasticBlockStore:raw HostPath:HostPath? Glusterfs:raw NFS=nfs:NFS? RBD=rbd:raw Quobyte:raw ISCSI=iscsi:raw FlexVolume:raw Cinder:raw " +
    "CephFS=cephfs:raw FC=fc:raw Flocker:raw AzureFile:raw VsphereVolume:raw AzureDisk:raw PhotonPersistentDisk:raw PortworxVolume:raw ScaleIO=scaleIO:raw Local:LocalVolume? StorageOS=storageos:raw CSI=csi:CsiVolume?",
  LocalVolume: "Path:s FSType=fsType",
  CsiVolume:
    "Driver:s VolumeHandle:s ReadOnly:b FSType=fsType:s VolumeAttributes:map ControllerPublishSecretRef:SecretReference? NodeStageSecretRef:SecretReference? NodePublishSecretRef:SecretReference? " +
    "ControllerExpandSecretRef:SecretReference? NodeExpandSecretRef:SecretReference?",
  SecretReference: "Name:s Namespace:s",
  PersistentVolumeClaimSpec:
    "AccessModes Selector:raw Resources:VolumeResources VolumeName:s StorageClassName VolumeMode DataSource:DataSource? DataSourceRef:DataSourceRef? VolumeAttributesClassName",
  VolumeResources: "Limits:map Requests:map",
  DataSource: "APIGroup=apiGroup Kind:s Name:s",
  DataSourceRef: "APIGroup=apiGroup Kind:s Name:s Namespace",
  DaemonSetUpdateStrategy: "Type:s RollingUpdate:RollingUpdate?",
  RollingUpdate: "MaxUnavailable MaxSurge",
};

function containerFields(): string {
  return (
    "Name:s Image:s Command Args WorkingDir:s Ports:[]ContainerPort EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements ResizePolicy:[]ResizePolicy RestartPolicy RestartPolicyRules:[]RestartRule " +
    "VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice LivenessProbe:Probe? ReadinessProbe:Probe? StartupProbe:Probe? Lifecycle:Lifecycle? TerminationMessagePath:s TerminationMessagePolicy:s ImagePullPolicy:s SecurityContext:SecurityContext?"
  );
}

const ZERO: { readonly [kind: string]: unknown } = { s: "", n: 0, b: false, q: "0" };

interface GoField {
  readonly go: string;
  readonly json: string;
  readonly type: string;
}

const plans = new Map<string, readonly GoField[]>();

function planOf(type: string): readonly GoField[] {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = (TYPES[type] ?? "").split(" ").map((text) => {
    const [, go = "", json = go.charAt(0).toLowerCase() + go.slice(1), kind = ""] = /^([^=:]+)(?:=([^:]+))?(?::(.+))?$/.exec(text) ?? [];
    return { go, json, type: kind };
  });
  plans.set(type, plan);
  return plan;
}

/** A value of one of the types above; fields that the table does not know are left out. */
export function internalForm(type: string, value: object): { readonly [field: string]: unknown } {
  const source = value as { readonly [field: string]: unknown };
  return Object.fromEntries(planOf(type).map(({ go, json, type: kind }) => [go, formOf(kind, source[json])]));
}

function formOf(kind: string, value: unknown): unknown {
  const absent = value === undefined || value === null;
  if (kind in ZERO) return absent ? ZERO[kind] : value;
  if (kind === "map") return absent ? null : Object.fromEntries(Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  if (kind === "" || kind === "raw") return absent ? null : value;
  if (kind.startsWith("[]")) return absent ? null : (value as readonly object[]).map((one) => internalForm(kind.slice(2), one));
  if (kind.endsWith("?")) return absent ? null : internalForm(kind.slice(0, -1), value as object);
  return internalForm(kind, (value ?? {}) as object);
}

/** The security context of a pod has the host namespaces in it there. */
export function internalPodSpec(spec: object): { readonly [field: string]: unknown } {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers, securityContext } = spec as { readonly [field: string]: unknown };
  const context = { ...(securityContext as object | undefined), hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers };
  return internalForm("PodSpec", { ...spec, securityContext: context });
}

/** The metadata of a template is written into it. */
export function internalTemplate({ metadata, spec }: { readonly metadata?: object; readonly spec?: object }): { readonly [field: string]: unknown } {
  return { ...metadata, Spec: internalPodSpec(spec ?? {}) };
}
