{{/* What is told of the control plane's addresses. */}}
{{- define "kiv.notes.controlPlane" -}}
{{- $c := .Values.controlPlaneLoadBalancing -}}
{{- $api := include "kiv.number" ($c.backends | default dict).port | default "6443" -}}
{{- range $index, $instance := include "kiv.controlPlaneInstances" . | fromJsonArray }}
{{- $peers := $instance.unicastPeers | default list }}

  {{ include "kiv.instanceName" $index }}       {{ $instance.virtualIPs | join ", " }}
  VRRP        version {{ include "kiv.number" $.Values.keepalived.vrrpVersion }}, router id {{ include "kiv.number" $instance.virtualRouterID | default (add 51 $index) }}, an advertisement every {{ include "kiv.number" $instance.advertIntervalSeconds | default (include "kiv.number" $.Values.keepalived.advertInterval) }} s by {{ if $peers }}unicast to {{ join ", " $peers }}{{ else }}multicast{{ end }}
  interface   {{ $instance.interface | default "found by the address's subnet" }}
{{- end }}
{{- if eq (include "kiv.proxyEnabled" .) "true" }}
  proxy       port {{ include "kiv.bindPort" . }} of every node of the control plane, closed to all that do not come by an address
{{- range $c.keepalived.virtualServers }}
  IPVS        {{ .ipAddress }} by {{ .lbKind | default "DR" }}, {{ .lbAlgo | default "rr" }}: in the proxy's place for all but the nodes themselves. The nodes' kernels need the module ip_vs
{{- end }}
  ports       {{ $api }}{{ range $c.extraPorts }}, {{ include "kiv.number" .port }}{{ end }}
{{- else }}
  proxy       none: who holds an address serves by its own API server
{{- end }}
{{- if eq (include "kiv.staticPodsEnabled" .) "true" }}
  static pods on nodes with the label keepalived-ingress-vip.io/static-pod={{ include "kiv.fullname" . }}; docs/static-pods.md says how they
              get a kubeconfig with the token of the Secret {{ include "kiv.fullname" . }}-static-pods
{{- end }}

Clients use https://ADDRESS:{{ $api }}. The API servers' certificate must have the addresses, or clients refuse it: apiServer.certSANs of kubeadm, tls-san of k3s
and RKE2, spec.api.sans of k0s.
{{- end -}}
