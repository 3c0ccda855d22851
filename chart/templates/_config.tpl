{{/* A number as it was given, also when it was given as a string, which `--set-string` and Rancher's forms do. */}}
{{- define "kiv.number" -}}
{{- if not (kindIs "invalid" .) -}}{{- toString . | trim -}}{{- end -}}
{{- end -}}

{{/*
The parts of the settings file that the sidecar cannot change while it runs: a change of these restarts the pods (checksum annotation),
everything else is applied from the mounted ConfigMap.
*/}}
{{- define "kiv.restartConfig" -}}
server:
  address: 127.0.0.1
  port: {{ include "kiv.number" .Values.sidecar.port }}
metrics:
  address: {{ ternary .Values.metrics.address "127.0.0.1" .Values.metrics.enabled | toJson }}
  port: {{ include "kiv.number" .Values.metrics.port }}
log:
  level: {{ ternary "debug" .Values.logLevel .Values.keepalived.debug }}
{{- if eq (include "kiv.poolsEnabled" .) "true" }}
pools:
  enabled: true
{{- end }}
{{- end -}}

{{/* The URL of the service check. See docs/adr/0015 for the https:// that an API server's gets. */}}
{{- define "kiv.serviceUrl" -}}
{{- regexReplaceAll `^http://([^/]+:6443/(healthz|livez|readyz)([/?].*)?)$` .Values.keepalived.checkServiceUrl "https://${1}" -}}
{{- end -}}

{{/* Statuses of a healthy service as a JSON list. See docs/adr/0015 for the 401. */}}
{{- define "kiv.expectedStatuses" -}}
{{- $apiServer := regexMatch `^https://[^/]+:6443/(healthz|livez|readyz)([/?].*)?$` (include "kiv.serviceUrl" .) -}}
{{- .Values.keepalived.checkServiceExpectedStatuses | default (ternary (list 200 401) (list 200) $apiServer) | toJson -}}
{{- end -}}

{{/* `true` or `false`. Without a value it is true: `helm upgrade --reuse-values` gives none for what the chart did not have before. */}}
{{- define "kiv.drainOnCordon" -}}
{{- $given := .Values.keepalived.drainOnCordon -}}
{{- or (kindIs "invalid" $given) $given -}}
{{- end -}}

{{/* The sidecar's settings file. It renders every key: the schema on the other side is strict. No secret belongs here. */}}
{{- define "kiv.config" -}}
{{- $k := .Values.keepalived -}}
vrrp:
  version: {{ include "kiv.number" $k.vrrpVersion }}
  virtualRouterId: {{ include "kiv.number" $k.virtualRouterId }}
  advertIntervalSeconds: {{ include "kiv.number" $k.advertInterval }}
  interface: {{ $k.vrrpInterfaceName | default "" | toString | toJson }}
  addressInterface: {{ $k.vipInterfaceName | default "" | toString | toJson }}
  addresses: {{ include "kiv.addresses" . }}
  unicastPeers: {{ $k.unicastPeers | default list | toJson }}
  noPreempt: {{ $k.vrrpNoPreempt }}
  failbackDelaySeconds: {{ include "kiv.number" $k.failbackDelay | default "null" }}
  authPasswordFile: {{ ternary "/etc/keepalived-ingress-vip-auth/authPassword" "" (eq (toString $k.vrrpVersion) "2") | toJson }}
  debug: {{ $k.debug }}
checks:
  service:
    url: {{ include "kiv.serviceUrl" . | toJson }}
    intervalSeconds: {{ include "kiv.number" $k.checkServiceInterval }}
    timeoutSeconds: {{ include "kiv.number" $k.checkServiceTimeout }}
    failureThreshold: {{ include "kiv.number" $k.checkServiceFailAfter }}
    successThreshold: {{ include "kiv.number" $k.checkServiceRiseAfter }}
    expectedStatuses: {{ include "kiv.expectedStatuses" . }}
    host: {{ $k.checkServiceHost | default "" | toJson }}
    caFile: {{ include "kiv.serviceCaFile" . | toJson }}
    tripwire:
      enabled: {{ $k.tripwire }}
      ports: {{ $k.tripwirePorts | default list | toJson }}
  kubelet:
    enabled: {{ $k.checkKubelet }}
    url: {{ $k.checkKubeletUrl | toJson }}
    intervalSeconds: {{ include "kiv.number" $k.checkKubeletInterval }}
    timeoutSeconds: {{ include "kiv.number" $k.checkKubeletTimeout }}
    failureThreshold: {{ include "kiv.number" $k.checkKubeletFailAfter }}
    successThreshold: {{ include "kiv.number" $k.checkKubeletRiseAfter }}
  kubeApi:
    enabled: {{ $k.checkKubeApi }}
    url: {{ $k.checkKubeApiUrl | default "" | toJson }}
    intervalSeconds: {{ include "kiv.number" $k.checkKubeApiInterval }}
    timeoutSeconds: {{ include "kiv.number" $k.checkKubeApiTimeout }}
    failureThreshold: {{ include "kiv.number" $k.checkKubeApiFailAfter }}
    successThreshold: {{ include "kiv.number" $k.checkKubeApiRiseAfter }}
lastResort:
  enabled: {{ $k.lastResort.enabled }}
  afterSeconds: {{ include "kiv.number" $k.lastResort.after }}
drain:
  timeoutSeconds: {{ include "kiv.number" $k.drainTimeout }}
  onCordon: {{ include "kiv.drainOnCordon" . }}
resetConnections:
  enabled: {{ include "kiv.resetConnections" . }}
  limit: {{ include "kiv.number" ($k.resetConnections | default dict).limit | default 10000 }}
  keyFile: /etc/keepalived-ingress-vip-connections/key
rank:
  podSelector: {{ include "kiv.podSelector" . | toJson }}
{{- if eq (include "kiv.bgpEnabled" .) "true" }}
bgp:
  enabled: true
{{- end }}
{{- if eq (include "kiv.controlPlaneEnabled" .) "true" }}
{{ include "kiv.controlPlaneConfig" . }}
{{- end }}
{{ include "kiv.restartConfig" . }}
{{- end -}}
