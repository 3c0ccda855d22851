{{/*
The ingress of the control plane (values `controlPlane.ingress`, MetalK8s' keys): an address that nodes of the control plane hold, one that
something else moves, or a node's. The object says which; the controller makes a pool of the first, and the status of all three.
*/}}

{{/* The section of the values; nothing given is nothing asked for. */}}
{{- define "kiv.ingress" -}}
{{- (.Values.controlPlane | default dict).ingress | default dict | toYaml -}}
{{- end -}}

{{/* What says where the ingress is, by the field that it is from: a JSON map of what is given. */}}
{{- define "kiv.ingressAddresses" -}}
{{- $i := include "kiv.ingress" . | fromYaml -}}
{{- $given := dict -}}
{{- range $key := list "managedVirtualIP" "externalIP" -}}
{{- with (get $i $key | default dict).address -}}{{- $_ := set $given (printf "%s.address" $key) (toString . | trim) -}}{{- end -}}
{{- end -}}
{{- with $i.nodeName -}}{{- $_ := set $given "nodeName" (toString . | trim) -}}{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{/* `true` if the release looks after the ingress of the control plane. */}}
{{- define "kiv.ingressEnabled" -}}
{{- $enabled := (include "kiv.ingress" . | fromYaml).enabled -}}
{{- if kindIs "invalid" $enabled -}}{{- $enabled = gt (len (include "kiv.ingressAddresses" . | fromJson)) 0 -}}{{- end -}}
{{- eq (toString $enabled) "true" -}}
{{- end -}}

{{/* `true` if the pods belong on nodes of the control plane alone: nothing else in the release needs one elsewhere. */}}
{{- define "kiv.ingressAlone" -}}
{{- $pools := false -}}
{{- range .Values.virtualIPPools -}}{{- if . -}}{{- $pools = true -}}{{- end -}}{{- end -}}
{{- $others := or $pools (eq (include "kiv.servicesEnabled" .) "true") (eq (toString (.Values.controller | default dict).enabled) "true") (gt (len (include "kiv.addresses" . | fromJsonArray)) 0) -}}
{{- and (eq (include "kiv.ingressEnabled" .) "true") (not $others) -}}
{{- end -}}

{{- define "kiv.ingressPort" -}}
{{- include "kiv.number" (include "kiv.ingress" . | fromYaml).port | default "8443" -}}
{{- end -}}

{{/* Name of the pool that the controller makes. */}}
{{- define "kiv.ingressPool" -}}
control-plane-ingress
{{- end -}}

{{/* Name and namespace of the Service that takes connections to the address, where there is one: `selector` makes it. */}}
{{- define "kiv.ingressService" -}}
{{- $service := (include "kiv.ingress" . | fromYaml).service | default dict -}}
{{- if and (eq (include "kiv.ingressEnabled" .) "true") $service.selector -}}
name: {{ include "kiv.fullname" . }}-control-plane
namespace: {{ $service.namespace | default .Release.Namespace | toJson }}
{{- end -}}
{{- end -}}

{{/* The spec of the object. */}}
{{- define "kiv.ingressSpec" -}}
{{- $i := include "kiv.ingress" . | fromYaml -}}
{{- range $field, $text := include "kiv.ingressAddresses" . | fromJson }}
{{- if hasSuffix ".address" $field }}
{{ trimSuffix ".address" $field }}:
  address: {{ $text | toJson }}
{{- else }}
{{ $field }}: {{ $text | toJson }}
{{- end }}
{{- end }}
port: {{ include "kiv.ingressPort" . }}
{{- with $i.healthCheck }}
healthCheck:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What is told of it. */}}
{{- define "kiv.notes.ingress" -}}
{{- $port := include "kiv.ingressPort" . -}}
{{- range $field, $text := include "kiv.ingressAddresses" . | fromJson }}
{{- $ip := regexReplaceAll `/.*$` $text "" }}
{{- $host := ternary (printf "[%s]" $ip) $ip (contains ":" $ip) }}
{{- if eq $field "managedVirtualIP.address" }}

  control plane ingress  https://{{ $host }}:{{ $port }}, a virtual address that nodes of the control plane hold
{{- else if eq $field "externalIP.address" }}

  control plane ingress  https://{{ $host }}:{{ $port }}, an address that something else brings to a node that serves
{{- else }}

  control plane ingress  https://ADDRESS:{{ $port }}, at the address of the node {{ $text }}
{{- end }}
{{- end }}

The address in force, and whether it is the one asked for. After a change the old one stays until the new one answers:

  kubectl get controlplaneingress main
  kubectl wait --for=condition=Ready controlplaneingress/main
{{- end -}}
