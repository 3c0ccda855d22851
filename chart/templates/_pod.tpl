{{/* The pod template that Deployment and DaemonSet share. */}}
{{- define "kiv.podTemplate" -}}
metadata:
  labels:
    {{- include "kiv.podLabels" . | nindent 4 }}
  annotations:
    {{- $annotations := dict "kubectl.kubernetes.io/default-container" "keepalived" "checksum/restart" (include "kiv.restartConfig" . | sha256sum) }}
    {{- merge $annotations (deepCopy (.Values.pod.annotations | default dict)) | toYaml | nindent 4 }}
spec:
  hostNetwork: true
  dnsPolicy: {{ .Values.pod.dnsPolicy }}
  serviceAccountName: {{ include "kiv.serviceAccountName" . }}
  # The token is mounted into the sidecar alone, see the volume api-access.
  automountServiceAccountToken: false
  # The drain, then at most 8 s in which the supervisor stops keepalived, 8 s for the proxy and 12 s for each BIRD where they are, one after the
  # other, then the sidecar. A BIRD that hangs may keep its supervisor for the 4 s of a question, and then has 5 s to end before it is killed.
  {{- $further := ternary 8 0 (eq (include "kiv.proxyEnabled" .) "true") }}
  {{- $further = ternary 12 0 (eq (include "kiv.bgpEnabled" .) "true") | add $further }}
  {{- $further = ternary 12 0 (eq (include "kiv.bfdEnabled" .) "true") | add $further }}
  terminationGracePeriodSeconds: {{ include "kiv.drainSeconds" . | int | add 15 $further }}
  {{- with .Values.pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.pod.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.pod.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  nodeSelector:
    {{- merge (deepCopy (.Values.pod.nodeSelector | default dict)) (dict "kubernetes.io/os" "linux") | toYaml | nindent 4 }}
  {{- with include "kiv.affinity" . | fromYaml }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "kiv.tolerations" . | fromYamlArray }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  # Native sidecars: they are there before keepalived starts, and until keepalived has stopped; the first one ends last.
  initContainers:
    {{- if eq (include "kiv.controlPlaneEnabled" .) "true" }}
    - {{- include "kiv.folderContainer" . | nindent 6 }}
    {{- end }}
    - {{- include "kiv.sidecarContainer" . | nindent 6 }}
    {{- if eq (include "kiv.proxyEnabled" .) "true" }}
    - {{- include "kiv.proxyContainer" . | nindent 6 }}
    {{- end }}
    {{- /* They end after keepalived, which has taken the addresses off by then, so that routers know. */}}
    {{- if eq (include "kiv.bfdEnabled" .) "true" }}
    - {{- include "kiv.birdContainer" (dict "root" . "role" "bfd") | nindent 6 }}
    {{- end }}
    {{- if eq (include "kiv.bgpEnabled" .) "true" }}
    - {{- include "kiv.birdContainer" (dict "root" . "role" "bgp") | nindent 6 }}
    {{- end }}
  containers:
    - {{- include "kiv.keepalivedContainer" . | nindent 6 }}
  volumes:
    {{- include "kiv.volumes" . | nindent 4 }}
{{- end -}}

{{/* Labels of the pods: those that select them win over the user's. */}}
{{- define "kiv.podLabels" -}}
{{- merge (include "kiv.selectorLabels" . | fromYaml) (deepCopy (.Values.pod.labels | default dict)) (deepCopy (.Values.commonLabels | default dict)) | toYaml -}}
{{- end -}}

{{- define "kiv.keepalivedContainer" -}}
name: keepalived
image: {{ include "kiv.image" (dict "root" . "image" .Values.image) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [run]
env:
  - name: DRAIN_TIMEOUT_SECONDS
    value: {{ include "kiv.drainSeconds" . | quote }}
  {{- if eq (include "kiv.proxyEnabled" .) "true" }}
  - name: REDIRECT_TABLE
    value: {{ include "kiv.redirectTable" . }}
  {{- end }}
  {{- if eq (include "kiv.ipvsEnabled" .) "true" }}
  # The container's own are read-only.
  - name: SYSCTLS
    value: /host/proc/sys
  {{- end }}
  {{- if eq (include "kiv.resetConnections" .) "true" }}
  - name: RESET_CONNECTIONS
    value: "true"
  {{- end }}
  {{- with concat (.Values.pod.extraEnv | default list) (.Values.keepalived.extraEnv | default list) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
lifecycle:
  preStop:
    exec:
      command: [/usr/local/bin/supervisor, drain]
livenessProbe:
  exec:
    command: [/usr/local/bin/supervisor, check]
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- with .Values.pod.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.containerSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: runtime
    mountPath: /run/keepalived-ingress-vip
  - name: state
    mountPath: /var/lib/keepalived-ingress-vip
  - name: tmp
    mountPath: /tmp
  {{- if eq (include "kiv.ipvsEnabled" .) "true" }}
  - name: network-settings
    mountPath: /host/proc/sys/net
  {{- end }}
  {{- with .Values.pod.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "kiv.sidecarContainer" -}}
name: sidecar
image: {{ include "kiv.image" (dict "root" . "image" .Values.sidecar.image) }}
imagePullPolicy: {{ default .Values.image.pullPolicy .Values.sidecar.image.pullPolicy }}
restartPolicy: Always
args:
  - --config
  - /etc/keepalived-ingress-vip/config.yaml
  - --runtime-dir
  - /run/keepalived-ingress-vip
env:
  - name: NODE_NAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  - name: NODE_IP
    valueFrom:
      fieldRef:
        fieldPath: status.hostIP
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: POD_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  {{- with concat (.Values.pod.extraEnv | default list) (.Values.sidecar.extraEnv | default list) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
# Host ports, so that the scheduler keeps two releases with the same ports off one node.
ports:
  - name: status
    containerPort: {{ include "kiv.number" .Values.sidecar.port }}
    hostPort: {{ include "kiv.number" .Values.sidecar.port }}
    hostIP: 127.0.0.1
    protocol: TCP
  - name: metrics
    containerPort: {{ include "kiv.number" .Values.metrics.port }}
    hostPort: {{ include "kiv.number" .Values.metrics.port }}
    {{- if not .Values.metrics.enabled }}
    hostIP: 127.0.0.1
    {{- end }}
    protocol: TCP
  {{- with include "kiv.ipvsServerPort" . }}
  - name: ipvs-server
    containerPort: {{ . }}
    hostPort: {{ . }}
    protocol: TCP
  {{- end }}
startupProbe:
  httpGet: {{- include "kiv.httpGet" (dict "root" . "path" "/healthz") | nindent 4 }}
  periodSeconds: 1
  timeoutSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {{- include "kiv.httpGet" (dict "root" . "path" "/healthz") | nindent 4 }}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {{- include "kiv.httpGet" (dict "root" . "path" "/readyz") | nindent 4 }}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- with .Values.sidecar.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.sidecar.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/keepalived-ingress-vip
    readOnly: true
  - name: runtime
    mountPath: /run/keepalived-ingress-vip
  - name: api-access
    mountPath: /var/run/secrets/kubernetes.io/serviceaccount
    readOnly: true
  {{- if eq (include "kiv.resetConnections" .) "true" }}
  - name: connections
    mountPath: /etc/keepalived-ingress-vip-connections
    readOnly: true
  {{- end }}
  {{- if eq (toString .Values.keepalived.vrrpVersion) "2" }}
  - name: auth
    mountPath: /etc/keepalived-ingress-vip-auth
    readOnly: true
  {{- end }}
  {{- if eq (include "kiv.proxyEnabled" .) "true" }}
  - name: proxy-runtime
    mountPath: /run/keepalived-ingress-vip-proxy
  {{- end }}
  {{- if eq (include "kiv.bgpEnabled" .) "true" }}
  - name: bgp-status
    mountPath: /run/keepalived-ingress-vip-bgp
    readOnly: true
  {{- end }}
  {{- if eq (include "kiv.bfdEnabled" .) "true" }}
  - name: bfd-status
    mountPath: /run/keepalived-ingress-vip-bfd
    readOnly: true
  {{- end }}
  {{- if eq (include "kiv.controlPlaneEnabled" .) "true" }}
  - name: sidecar-state
    mountPath: /var/lib/keepalived-ingress-vip-sidecar
  {{- end }}
  {{- if include "kiv.serviceCaFile" . }}
  - name: service-ca
    mountPath: /etc/keepalived-ingress-vip-ca
    readOnly: true
  {{- end }}
  {{- with .Values.sidecar.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The pod is on the host's network: the kubelet asks the loopback address, where nobody from outside can. */}}
{{- define "kiv.httpGet" -}}
host: 127.0.0.1
port: {{ include "kiv.number" .root.Values.sidecar.port }}
path: {{ .path }}
{{- end -}}

{{/* What a client of the API needs, as Kubernetes mounts it by itself. */}}
{{- define "kiv.apiAccessVolume" -}}
- name: api-access
  projected:
    defaultMode: 292 # 0444
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end -}}

{{- define "kiv.volumes" -}}
- name: config
  configMap:
    name: {{ include "kiv.fullname" . }}
- name: runtime
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
# On the host, so that what a killed predecessor left on the interface can be removed; under /run, because a reboot removes the addresses too.
- name: state
  hostPath:
    path: /run/keepalived-ingress-vip/{{ .Release.Namespace }}-{{ include "kiv.fullname" . }}
    type: DirectoryOrCreate
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{ include "kiv.apiAccessVolume" . }}
{{- if eq (include "kiv.proxyEnabled" .) "true" }}
{{ include "kiv.proxyVolumes" . }}
{{- end }}
{{- if eq (include "kiv.bgpEnabled" .) "true" }}
{{ include "kiv.bgpVolumes" . }}
{{- end }}
{{- if eq (include "kiv.controlPlaneEnabled" .) "true" }}
{{ include "kiv.sidecarStateVolume" . }}
{{- end }}
{{- if eq (include "kiv.ipvsEnabled" .) "true" }}
# Settings of the node's network that IPVS needs, which are set back when it is no longer asked for.
- name: network-settings
  hostPath:
    path: /proc/sys/net
    type: Directory
{{- end }}
{{- if eq (include "kiv.resetConnections" .) "true" }}
- name: connections
  secret:
    secretName: {{ include "kiv.connectionsSecretName" . }}
    defaultMode: 292 # 0444
{{- end }}
{{- if eq (toString .Values.keepalived.vrrpVersion) "2" }}
- name: auth
  secret:
    secretName: {{ include "kiv.authSecretName" . }}
    defaultMode: 292 # 0444
{{- end }}
{{- with .Values.keepalived.checkServiceCa }}
{{- if .configMap }}
- name: service-ca
  configMap:
    name: {{ .configMap }}
{{- else if .secret }}
- name: service-ca
  secret:
    secretName: {{ .secret }}
    defaultMode: 292 # 0444
{{- end }}
{{- end }}
{{- with .Values.pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The user's affinity. Two pods of a Deployment on one node would fight for its addresses and ports, so a required anti-affinity is added to
it; a DaemonSet has one pod on a node anyhow.
*/}}
{{- define "kiv.affinity" -}}
{{- $affinity := deepCopy (.Values.pod.affinity | default dict) -}}
{{- if eq (include "kiv.kind" .) "deployment" -}}
{{- $anti := $affinity.podAntiAffinity | default dict -}}
{{- $apart := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "kiv.selectorLabels" . | fromYaml)) -}}
{{- $required := append ($anti.requiredDuringSchedulingIgnoredDuringExecution | default list) $apart -}}
{{- $_ := set $anti "requiredDuringSchedulingIgnoredDuringExecution" $required -}}
{{- $_ := set $affinity "podAntiAffinity" $anti -}}
{{- end -}}
{{- if or (eq (include "kiv.controlPlaneEnabled" .) "true") (eq (include "kiv.ingressAlone" .) "true") -}}
{{- $affinity = include "kiv.controlPlaneAffinity" (dict "root" . "affinity" $affinity) | fromYaml -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end -}}

{{/* With pools, one DaemonSet runs wherever any of them may be: it tolerates what they tolerate. */}}
{{- define "kiv.tolerations" -}}
{{- $tolerations := .Values.pod.tolerations | default list -}}
{{- $controlPlane := eq (include "kiv.controlPlaneEnabled" .) "true" -}}
{{- $ingress := eq (include "kiv.ingressEnabled" .) "true" -}}
{{- if or .Values.pod.tolerateMasterTaints $controlPlane $ingress -}}
{{- $roles := list "control-plane" "master" "controlplane" "etcd" -}}
{{- range ternary (concat $roles (list "bootstrap" "infra")) $roles $ingress -}}
{{- $tolerations = append $tolerations (dict "key" (printf "node-role.kubernetes.io/%s" .) "operator" "Exists") -}}
{{- end -}}
{{- end -}}
{{- if $controlPlane -}}
{{- /* Nothing of the API servers' address waits for the pods' network, or for a cloud's controller. */ -}}
{{- range list "node.kubernetes.io/not-ready" "node.cloudprovider.kubernetes.io/uninitialized" -}}
{{- $tolerations = append $tolerations (dict "key" . "operator" "Exists" "effect" "NoSchedule") -}}
{{- end -}}
{{- end -}}
{{- if eq (include "kiv.poolsEnabled" .) "true" -}}
{{- range .Values.virtualIPPools -}}
{{- if . -}}{{- $tolerations = concat $tolerations (ternary .tolerations list (kindIs "slice" .tolerations)) -}}{{- end -}}
{{- end -}}
{{- $tolerations = uniq $tolerations -}}
{{- end -}}
{{- toYaml $tolerations -}}
{{- end -}}

{{/* The strategy that both kinds share; rollingUpdate only where the type has one. */}}
{{- define "kiv.strategy" -}}
{{- $strategy := .Values.updateStrategy -}}
{{- toYaml (ternary $strategy (pick $strategy "type") (eq $strategy.type "RollingUpdate")) -}}
{{- end -}}
