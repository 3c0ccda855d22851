{{/*
The control plane behind addresses of its own (values `controlPlaneLoadBalancing`): its part of the settings file, of the pod and of the
Secret. The keys below `keepalived` are k0s's.
*/}}

{{/* `true` if the release has addresses of the control plane. Nothing given is nothing asked for: `--reuse-values` gives none. */}}
{{- define "kiv.controlPlaneEnabled" -}}
{{- eq (toString (.Values.controlPlaneLoadBalancing | default dict).enabled) "true" -}}
{{- end -}}

{{/* `true` if there is a proxy in front of the API servers. */}}
{{- define "kiv.proxyEnabled" -}}
{{- $k := (.Values.controlPlaneLoadBalancing | default dict).keepalived | default dict -}}
{{- and (eq (include "kiv.controlPlaneEnabled" .) "true") (ne (toString $k.disableLoadBalancer) "true") -}}
{{- end -}}

{{/* `true` if the release gives static pods access to the API. */}}
{{- define "kiv.staticPodsEnabled" -}}
{{- and (eq (include "kiv.controlPlaneEnabled" .) "true") (eq (toString (.Values.staticPods | default dict).enabled) "true") -}}
{{- end -}}

{{/* `true` if IPVS balances an address in the proxy's place. */}}
{{- define "kiv.ipvsEnabled" -}}
{{- $k := (.Values.controlPlaneLoadBalancing | default dict).keepalived | default dict -}}
{{- and (eq (include "kiv.proxyEnabled" .) "true") (gt (len ($k.virtualServers | default list)) 0) -}}
{{- end -}}

{{/* The port at which a node says that it is prepared to be a server of IPVS; empty where none has to be. */}}
{{- define "kiv.ipvsServerPort" -}}
{{- $needed := false -}}
{{- if eq (include "kiv.ipvsEnabled" .) "true" -}}
{{- range .Values.controlPlaneLoadBalancing.keepalived.virtualServers -}}
{{- if ne (.lbKind | default "DR") "NAT" -}}{{- $needed = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $needed -}}{{- include "kiv.number" (.Values.controlPlaneLoadBalancing.ipvs | default dict).serverPort | default "10273" -}}{{- end -}}
{{- end -}}

{{/* The control plane's instances as a JSON list, empty where it is off. */}}
{{- define "kiv.controlPlaneInstances" -}}
{{- $instances := list -}}
{{- if eq (include "kiv.controlPlaneEnabled" .) "true" -}}
{{- $instances = (.Values.controlPlaneLoadBalancing.keepalived | default dict).vrrpInstances | default list -}}
{{- end -}}
{{- $instances | toJson -}}
{{- end -}}

{{/* The virtual addresses of the control plane as a JSON list. */}}
{{- define "kiv.controlPlaneAddresses" -}}
{{- $addresses := list -}}
{{- range include "kiv.controlPlaneInstances" . | fromJsonArray -}}
{{- range .virtualIPs -}}{{- $addresses = append $addresses (toString . | trim) -}}{{- end -}}
{{- end -}}
{{- $addresses | toJson -}}
{{- end -}}

{{/* A whole number as it is written in full: a large one in a file of values is printed as 1e+06 otherwise. */}}
{{- define "kiv.wholeNumber" -}}
{{- $exact := and (kindIs "float64" .) (ge (float64 .) 1000000.0) -}}
{{- if $exact -}}{{- $exact = eq (floor .) . -}}{{- end -}}
{{- if $exact -}}{{- printf "%.0f" . -}}{{- else -}}{{- include "kiv.number" . -}}{{- end -}}
{{- end -}}

{{/* Takes key and value: a line with a number, nothing where it is not given. */}}
{{- define "kiv.numberLine" -}}
{{- if ne (include "kiv.number" .value) "" -}}
{{- .key }}: {{ include "kiv.wholeNumber" .value }}
{{- end -}}
{{- end -}}

{{/* Numbers of a map, a line each, in the order of their names. Others, which are true or false, as they are. */}}
{{- define "kiv.numberLines" -}}
{{- $lines := list -}}
{{- range $key, $value := . -}}
{{- $lines = append $lines (include "kiv.numberLine" (dict "key" $key "value" $value)) -}}
{{- end -}}
{{- compact $lines | join "\n" -}}
{{- end -}}

{{/*
The section of the settings file; what is not given is left to the sidecar's defaults, which are those of values.yaml. A password is put into
the Secret, and the file that it is mounted as in its place.
*/}}
{{- define "kiv.controlPlaneConfig" -}}
{{- $c := .Values.controlPlaneLoadBalancing -}}
{{- $k := $c.keepalived | default dict -}}
controlPlaneLoadBalancing:
  enabled: true
  type: {{ $c.type | default "Keepalived" | toJson }}
  keepalived:
    vrrpInstances:
      {{- range $index, $instance := include "kiv.controlPlaneInstances" . | fromJsonArray }}
      - {{- include "kiv.controlPlaneInstance" (dict "root" $ "instance" $instance "name" (include "kiv.instanceName" $index)) | nindent 8 }}
      {{- end }}
    {{- with include "kiv.numberLine" (dict "key" "userSpaceProxyBindPort" "value" $k.userSpaceProxyBindPort) }}
    {{ . }}
    {{- end }}
    disableLoadBalancer: {{ eq (toString $k.disableLoadBalancer) "true" }}
    {{- with $k.virtualServers }}
    virtualServers:
      {{- range $server := . }}
      - ipAddress: {{ $server.ipAddress | toString | trim | toJson }}
        {{- range $key := list "delayLoop" "lbAlgo" "lbKind" }}
        {{- with get $server $key }}
        {{ $key }}: {{ . | toJson }}
        {{- end }}
        {{- end }}
        {{- with include "kiv.numberLine" (dict "key" "persistenceTimeoutSeconds" "value" $server.persistenceTimeoutSeconds) }}
        {{ . }}
        {{- end }}
      {{- end }}
    {{- end }}
  {{- with $c.ipvs }}
  ipvs:
    fallback: {{ eq (toString .fallback) "true" }}
    {{- range $key := list "syncId" "serverPort" }}
    {{- with include "kiv.numberLine" (dict "key" $key "value" (get $c.ipvs $key)) }}
    {{ . }}
    {{- end }}
    {{- end }}
  {{- end }}
  {{- with $c.backends }}
  backends:
    source: {{ .source | default "EndpointSlices" | toJson }}
    addresses: {{ .addresses | default list | toJson }}
    {{- with include "kiv.numberLine" (dict "key" "port" "value" .port) }}
    {{ . }}
    {{- end }}
  {{- end }}
  {{- with $c.extraPorts }}
  extraPorts:
    {{- range $extra := . }}
    - check: {{ $extra.check | default "tcp" | toJson }}
      {{- range $key := list "port" "targetPort" "bindPort" }}
      {{- with include "kiv.numberLine" (dict "key" $key "value" (get $extra $key)) }}
      {{ . }}
      {{- end }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with include "kiv.numberLine" (dict "key" "healthPort" "value" $c.healthPort) }}
  {{ . }}
  {{- end }}
  {{- range $section := list "health" "rebalance" }}
  {{- with get $c $section }}
  {{ $section }}:
    {{- include "kiv.numberLines" . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* The name of an instance, from its place; that of its password in the Secret, too. */}}
{{- define "kiv.instanceName" -}}
{{- printf "api_%d" (add1 .) -}}
{{- end -}}

{{/* Takes root, instance and name. */}}
{{- define "kiv.controlPlaneInstance" -}}
{{- $addresses := list -}}
{{- range .instance.virtualIPs -}}{{- $addresses = append $addresses (toString . | trim) -}}{{- end -}}
virtualIPs: {{ $addresses | toJson }}
interface: {{ .instance.interface | default "" | toString | toJson }}
{{- range $key := list "virtualRouterID" "advertIntervalSeconds" "addressLabel" }}
{{- with include "kiv.numberLine" (dict "key" $key "value" (get $.instance $key)) }}
{{ . }}
{{- end }}
{{- end }}
unicastPeers: {{ .instance.unicastPeers | default list | toJson }}
unicastSourceIP: {{ .instance.unicastSourceIP | default "" | toJson }}
{{- if eq (toString .root.Values.keepalived.vrrpVersion) "2" }}
authPassFile: /etc/keepalived-ingress-vip-auth/{{ .name }}
{{- end }}
{{- end -}}

{{/* The proxy: a native sidecar that starts after the sidecar, which configures it, and stops after keepalived, whose clients it serves. */}}
{{- define "kiv.proxyContainer" -}}
{{- $proxy := .Values.proxy | default dict -}}
{{- $c := .Values.controlPlaneLoadBalancing -}}
name: proxy
image: {{ include "kiv.image" (dict "root" . "image" (include "kiv.proxyImage" . | fromYaml)) }}
imagePullPolicy: {{ coalesce ($proxy.image | default dict).pullPolicy .Values.image.pullPolicy }}
restartPolicy: Always
args: [run]
{{- with concat (.Values.pod.extraEnv | default list) ($proxy.extraEnv | default list) }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
# Host ports, so that the scheduler keeps two releases with the same ports off one node.
ports:
  - name: proxy
    containerPort: {{ include "kiv.bindPort" . }}
    hostPort: {{ include "kiv.bindPort" . }}
    protocol: TCP
  - name: proxy-health
    containerPort: {{ include "kiv.proxyHealthPort" . }}
    hostPort: {{ include "kiv.proxyHealthPort" . }}
    hostIP: 127.0.0.1
    protocol: TCP
livenessProbe:
  exec:
    command: [/usr/local/bin/supervisor, check]
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- with $proxy.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $proxy.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: proxy-runtime
    mountPath: /run/keepalived-ingress-vip-proxy
{{- end -}}

{{- define "kiv.proxyImage" -}}
{{- $image := deepCopy ((.Values.proxy | default dict).image | default dict) -}}
{{- toYaml (merge $image (dict "repository" "keepalived-ingress-vip/proxy")) -}}
{{- end -}}

{{- define "kiv.bindPort" -}}
{{- include "kiv.number" (.Values.controlPlaneLoadBalancing.keepalived | default dict).userSpaceProxyBindPort | default "6444" -}}
{{- end -}}

{{- define "kiv.proxyHealthPort" -}}
{{- include "kiv.number" .Values.controlPlaneLoadBalancing.healthPort | default "10272" -}}
{{- end -}}

{{- define "kiv.proxyVolumes" -}}
- name: proxy-runtime
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- end -}}

{{/* On the node's disk, so that it is known after a reboot, and to the next pod, which API servers there were last. */}}
{{- define "kiv.sidecarStateVolume" -}}
- name: sidecar-state
  hostPath:
    path: /var/lib/keepalived-ingress-vip/{{ .Release.Namespace }}-{{ include "kiv.fullname" . }}
    type: DirectoryOrCreate
{{- end -}}

{{/* The kubelet makes the folder as root's, and the sidecar is not root: this gives it to the sidecar, and ends. */}}
{{- define "kiv.folderContainer" -}}
{{- $user := .Values.sidecar.securityContext | default dict -}}
{{- $owner := printf "%v:%v" (include "kiv.wholeNumber" $user.runAsUser | default "65532") (include "kiv.wholeNumber" $user.runAsGroup | default "65532") -}}
name: folder
image: {{ include "kiv.image" (dict "root" . "image" .Values.image) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [chown, {{ $owner | quote }}, /var/lib/keepalived-ingress-vip-sidecar]
resources:
  requests:
    cpu: 5m
    memory: 4Mi
  limits:
    memory: 16Mi
securityContext:
  runAsUser: 0
  runAsGroup: 0
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    add: [CHOWN]
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: sidecar-state
    mountPath: /var/lib/keepalived-ingress-vip-sidecar
{{- end -}}

{{/* What a node is labelled and tainted with that has a part of the control plane. */}}
{{- define "kiv.controlPlaneRoles" -}}
{{- list "control-plane" "master" "controlplane" | toJson -}}
{{- end -}}

{{/*
Takes root and affinity: the same, on nodes of the control plane only, by whichever of the labels, and where no static pod of the release is. A
node must fit one of the terms, so that each of the user's is asked for with each of the labels.
*/}}
{{- define "kiv.controlPlaneAffinity" -}}
{{- $affinity := deepCopy .affinity -}}
{{- $static := dict "key" "keepalived-ingress-vip.io/static-pod" "operator" "NotIn" "values" (list (include "kiv.fullname" .root)) -}}
{{- $apart := ternary (list $static) list (eq (include "kiv.controlPlaneEnabled" .root) "true") -}}
{{- $node := $affinity.nodeAffinity | default dict -}}
{{- $required := $node.requiredDuringSchedulingIgnoredDuringExecution | default dict -}}
{{- $terms := list -}}
{{- range $term := $required.nodeSelectorTerms | default (list dict) -}}
{{- range include "kiv.controlPlaneRoles" $ | fromJsonArray -}}
{{- $expression := dict "key" (printf "node-role.kubernetes.io/%s" .) "operator" "Exists" -}}
{{- $terms = append $terms (set (deepCopy $term) "matchExpressions" (concat ($term.matchExpressions | default list) (list $expression) $apart)) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- toYaml (set $affinity "nodeAffinity" $node) -}}
{{- end -}}

{{/* Name of the table of nftables that turns the control plane's addresses to the proxy: two releases on a node have two. */}}
{{- define "kiv.redirectTable" -}}
{{- printf "kiv_%s" (printf "%s/%s" .Release.Namespace (include "kiv.fullname" .) | sha256sum | trunc 12) -}}
{{- end -}}
