/**
 * The structures that Kubernetes shows inside messages, with the fields of its internal types in their order. One line per
 * type: field names, "=" and the JSON name where it is not the same with a small first letter, ":" and the type:
 *
 *   s n b q     text, number, boolean, quantity: their zero when absent
 *   map         keys in order, null when absent; selector: a label selector
 *   Name Name? []Name    a structure, one that may be absent, a list of them
 *   +Name +metadata      whose fields stand among those of the type itself
 *
 * Without a type a value is shown as it is, null when absent.
 */
export const internalTypes: { readonly [type: string]: string } = {
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
  TopologySpreadConstraint: "MaxSkew:n TopologyKey:s WhenUnsatisfiable:s LabelSelector:selector? MinDomains NodeAffinityPolicy NodeTaintsPolicy MatchLabelKeys",
  Affinity: "NodeAffinity:NodeAffinity? PodAffinity:PodAffinity? PodAntiAffinity:PodAffinity?",
  NodeAffinity: "RequiredDuringSchedulingIgnoredDuringExecution:NodeSelector? PreferredDuringSchedulingIgnoredDuringExecution:[]PreferredNode",
  NodeSelector: "NodeSelectorTerms:[]NodeTerm",
  NodeTerm: "MatchExpressions:[]NodeRequirement MatchFields:[]NodeRequirement",
  NodeRequirement: "Key:s Operator:s Values",
  PreferredNode: "Weight:n Preference:NodeTerm",
  PodAffinity: "RequiredDuringSchedulingIgnoredDuringExecution:[]PodTerm PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedTerm",
  WeightedTerm: "Weight:n PodAffinityTerm:PodTerm",
  PodTerm: "LabelSelector:selector? Namespaces TopologyKey:s NamespaceSelector:selector? MatchLabelKeys MismatchLabelKeys",
  Volume:
    "Name:s HostPath:HostPath? EmptyDir:EmptyDir? GCEPersistentDisk=gcePersistentDisk:GCEPersistentDisk? AWSElasticBlockStore=awsElasticBlockStore:AWSElasticBlockStore? GitRepo:GitRepo? Secret:SecretVolume? NFS=nfs:NFS? " +
    "ISCSI=iscsi:ISCSI? Glusterfs:Glusterfs? PersistentVolumeClaim:ClaimVolume? RBD=rbd:RBD? Quobyte:Quobyte? FlexVolume:Flex? Cinder:Cinder? CephFS=cephfs:CephFS? Flocker:Flocker? DownwardAPI=downwardAPI:DownwardVolume? " +
    "FC=fc:FC? AzureFile:AzureFile? ConfigMap:ConfigMapVolume? VsphereVolume:Vsphere? AzureDisk:AzureDisk? PhotonPersistentDisk:Photon? Projected:Projected? PortworxVolume:Portworx? ScaleIO=scaleIO:ScaleIO? " +
    "StorageOS=storageos:StorageOS? CSI=csi:CSI? Ephemeral:Ephemeral? Image:ImageVolume?",
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
  Projection: "Secret:SecretProjection? DownwardAPI=downwardAPI:DownwardProjection? ConfigMap:SecretProjection? ServiceAccountToken:TokenProjection? ClusterTrustBundle:ClusterTrustBundle? PodCertificate:PodCertificate?",
  SecretProjection: "Name:s Items:[]KeyToPath Optional",
  DownwardProjection: "Items:[]DownwardFile",
  TokenProjection: "Audience:s ExpirationSeconds:n Path:s",
  PersistentVolumeSource:
    "GCEPersistentDisk=gcePersistentDisk:GCEPersistentDisk? AWSElasticBlockStore=awsElasticBlockStore:AWSElasticBlockStore? HostPath:HostPath? Glusterfs:GlusterfsPersistent? NFS=nfs:NFS? RBD=rbd:RBDPersistent? " +
    "Quobyte:Quobyte? ISCSI=iscsi:ISCSIPersistent? FlexVolume:FlexPersistent? Cinder:CinderPersistent? CephFS=cephfs:CephFSPersistent? FC=fc:FC? Flocker:Flocker? AzureFile:AzureFilePersistent? VsphereVolume:Vsphere? " +
    "AzureDisk:AzureDisk? PhotonPersistentDisk:Photon? PortworxVolume:Portworx? ScaleIO=scaleIO:ScaleIOPersistent? Local:LocalVolume? StorageOS=storageos:StorageOSPersistent? CSI=csi:CSIPersistent?",
  GCEPersistentDisk: "PDName=pdName:s FSType=fsType:s Partition:n ReadOnly:b",
  AWSElasticBlockStore: "VolumeID:s FSType=fsType:s Partition:n ReadOnly:b",
  GitRepo: "Repository:s Revision:s Directory:s",
  Glusterfs: "EndpointsName=endpoints:s Path:s ReadOnly:b",
  GlusterfsPersistent: "EndpointsName=endpoints:s Path:s ReadOnly:b EndpointsNamespace",
  Quobyte: "Registry:s Volume:s ReadOnly:b User:s Group:s Tenant:s",
  Flocker: "DatasetName:s DatasetUUID:s",
  FC: "TargetWWNs Lun FSType=fsType:s ReadOnly:b WWIDs=wwids",
  AzureFile: "SecretName:s ShareName:s ReadOnly:b",
  AzureFilePersistent: "SecretName:s ShareName:s ReadOnly:b SecretNamespace",
  Vsphere: "VolumePath:s FSType=fsType:s StoragePolicyName:s StoragePolicyID:s",
  AzureDisk: "DiskName:s DataDiskURI=diskURI:s CachingMode FSType=fsType ReadOnly Kind",
  Photon: "PdID:s FSType=fsType:s",
  Portworx: "VolumeID:s FSType=fsType:s ReadOnly:b",
  ...secretive("ISCSI", (ref) => `TargetPortal:s IQN=iqn:s Lun:n ISCSIInterface=iscsiInterface:s FSType=fsType:s ReadOnly:b Portals DiscoveryCHAPAuth=chapAuthDiscovery:b SessionCHAPAuth=chapAuthSession:b ${ref} InitiatorName`),
  ...secretive("RBD", (ref) => `CephMonitors=monitors RBDImage=image:s FSType=fsType:s RBDPool=pool:s RadosUser=user:s Keyring:s ${ref} ReadOnly:b`),
  ...secretive("Flex", (ref) => `Driver:s FSType=fsType:s ${ref} ReadOnly:b Options:map`),
  ...secretive("Cinder", (ref) => `VolumeID:s FSType=fsType:s ReadOnly:b ${ref}`),
  ...secretive("CephFS", (ref) => `Monitors Path:s User:s SecretFile:s ${ref} ReadOnly:b`),
  ...secretive("ScaleIO", (ref) => `Gateway:s System:s ${ref} SSLEnabled=sslEnabled:b ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType=fsType:s ReadOnly:b`),
  ...secretive("StorageOS", (ref) => `VolumeName:s VolumeNamespace:s FSType=fsType:s ReadOnly:b ${ref}`, "ObjectReference"),
  CSI: "Driver:s ReadOnly FSType=fsType VolumeAttributes:map NodePublishSecretRef:Named?",
  Ephemeral: "VolumeClaimTemplate:ClaimTemplate?",
  ClaimTemplate: "+metadata Spec:PersistentVolumeClaimSpec",
  ClusterTrustBundle: "Name SignerName LabelSelector:selector? Optional Path:s",
  PodCertificate: "SignerName:s KeyType:s MaxExpirationSeconds CredentialBundlePath:s KeyPath:s CertificateChainPath:s UserAnnotations:map",
  LocalVolume: "Path:s FSType=fsType",
  CSIPersistent:
    "Driver:s VolumeHandle:s ReadOnly:b FSType=fsType:s VolumeAttributes:map ControllerPublishSecretRef:SecretReference? NodeStageSecretRef:SecretReference? NodePublishSecretRef:SecretReference? " +
    "ControllerExpandSecretRef:SecretReference? NodeExpandSecretRef:SecretReference?",
  SecretReference: "Name:s Namespace:s",
  PersistentVolumeClaimSpec:
    "AccessModes Selector:selector? Resources:VolumeResources VolumeName:s StorageClassName VolumeMode DataSource:DataSource? DataSourceRef:DataSourceRef? VolumeAttributesClassName",
  VolumeResources: "Limits:map Requests:map",
  DataSource: "APIGroup=apiGroup Kind:s Name:s",
  DataSourceRef: "APIGroup=apiGroup Kind:s Name:s Namespace",
  DaemonSetUpdateStrategy: "Type:s RollingUpdate:RollingUpdate?",
  RollingUpdate: "MaxUnavailable MaxSurge",
  ObjectReference: "Kind:s Namespace:s Name:s UID=uid:s APIVersion=apiVersion:s ResourceVersion:s FieldPath:s",
  EventSource: "Component:s Host:s",
  PersistentVolumeSpec:
    "Capacity:map +PersistentVolumeSource AccessModes ClaimRef:ObjectReference? PersistentVolumeReclaimPolicy:s StorageClassName:s MountOptions VolumeMode NodeAffinity:VolumeNodeAffinity? VolumeAttributesClassName",
  VolumeNodeAffinity: "Required:NodeSelector?",
  VolumeAttachmentSpec: "Attacher:s Source:VolumeAttachmentSource NodeName:s",
  VolumeAttachmentSource: "PersistentVolumeName InlineVolumeSpec:PersistentVolumeSpec?",
  SuccessPolicy: "Rules:[]SuccessPolicyRule",
  SuccessPolicyRule: "SucceededIndexes SucceededCount",
  PodFailurePolicy: "Rules:[]PodFailurePolicyRule",
  PodFailurePolicyRule: "Action:s OnExitCodes:OnExitCodes? OnPodConditions:[]OnPodConditions",
  OnExitCodes: "ContainerName Operator:s Values",
  OnPodConditions: "Type:s Status:s",
  ResourceClaimSpec: "Devices:DeviceClaim",
  ResourceClaimTemplateSpec: "+metadata Spec:ResourceClaimSpec",
  DeviceClaim: "Requests:[]DeviceRequest Constraints:[]DeviceConstraint Config:[]DeviceClaimConfiguration",
  DeviceRequest: "Name:s Exactly:ExactDeviceRequest? FirstAvailable:[]DeviceSubRequest",
  ExactDeviceRequest: "DeviceClassName:s Selectors:[]DeviceSelector AllocationMode:s Count:n AdminAccess Tolerations:[]Toleration Capacity:CapacityRequirements?",
  DeviceSubRequest: "Name:s DeviceClassName:s Selectors:[]DeviceSelector AllocationMode:s Count:n Tolerations:[]Toleration Capacity:CapacityRequirements?",
  DeviceSelector: "CEL=cel:Expression?",
  Expression: "Expression:s",
  CapacityRequirements: "Requests:map",
  DeviceConstraint: "Requests MatchAttribute DistinctAttribute",
  DeviceClaimConfiguration: "Requests Opaque:OpaqueDeviceConfiguration?",
  OpaqueDeviceConfiguration: "Driver:s Parameters",
  DeviceAttribute: "IntValue=int BoolValue=bool StringValue=string VersionValue=version IntValues=ints BoolValues=bools StringValues=strings VersionValues=versions",
  AllocationResult: "Devices:DeviceAllocationResult NodeSelector:NodeSelector? AllocationTimestamp",
  DeviceAllocationResult: "Results:[]DeviceRequestAllocationResult Config:[]DeviceAllocationConfiguration",
  DeviceRequestAllocationResult: "Request:s Driver:s Pool:s Device:s AdminAccess Tolerations:[]Toleration BindingConditions BindingFailureConditions ShareID ConsumedCapacity:map",
  HorizontalPodAutoscalerBehavior: "ScaleUp:HPAScalingRules? ScaleDown:HPAScalingRules?",
  HPAScalingRules: "StabilizationWindowSeconds SelectPolicy Policies:[]HPAScalingPolicy Tolerance",
  HPAScalingPolicy: "Type:s Value:n PeriodSeconds:n",
  DeviceAllocationConfiguration: "Source:s Requests Opaque:OpaqueDeviceConfiguration?",
};

/** In a pod a secret is in the pod's namespace, in a volume it names its own. */
function secretive(name: string, fields: (reference: string) => string, inVolume = "SecretReference"): { readonly [type: string]: string } {
  return { [name]: fields("SecretRef:Named?"), [`${name}Persistent`]: fields(`SecretRef:${inVolume}?`) };
}

function containerFields(): string {
  return (
    "Name:s Image:s Command Args WorkingDir:s Ports:[]ContainerPort EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements ResizePolicy:[]ResizePolicy RestartPolicy RestartPolicyRules:[]RestartRule " +
    "VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice LivenessProbe:Probe? ReadinessProbe:Probe? StartupProbe:Probe? Lifecycle:Lifecycle? TerminationMessagePath:s TerminationMessagePolicy:s ImagePullPolicy:s SecurityContext:SecurityContext?"
  );
}
