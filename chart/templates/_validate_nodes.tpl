{{/*
A virtual address that is a node's own takes the node off the network. The nodes are asked for where there is a cluster: not by
`helm template`, and not where the release makes no ClusterRole, since the user may then not be allowed to list them. An address that the
release has already is not doubted: a kubelet that started while its node held the address may have taken it for the node's.
*/}}
{{- define "kiv.validate.nodes" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- if and $root.Values.rbac.create $found.addresses -}}
{{- $live := lookup "v1" "ConfigMap" $root.Release.Namespace (include "kiv.fullname" $root) | default dict -}}
{{- $settings := get ($live.data | default dict) "config.yaml" | default "{}" | fromYaml -}}
{{- $known := dict -}}
{{- $before := ($settings.vrrp | default dict).addresses | default list -}}
{{- range dig "controlPlaneLoadBalancing" "keepalived" "vrrpInstances" list $settings -}}{{- $before = concat $before (.virtualIPs | default list) -}}{{- end -}}
{{- if eq (include "kiv.ingressEnabled" $root) "true" -}}
{{- /* Helm fails to look up what has no definition. */ -}}
{{- if $root.Capabilities.APIVersions.Has "keepalived-ingress-vip.io/v1alpha1/ControlPlaneIngress" -}}
{{- $before = append $before (dig "status" "ip" "" (lookup "keepalived-ingress-vip.io/v1alpha1" "ControlPlaneIngress" "" "main" | default dict)) -}}
{{- end -}}
{{- end -}}
{{- range $before -}}
{{- $_ := set $known (include "kiv.canonicalAddress" (regexReplaceAll `/.*$` . "")) true -}}
{{- end -}}
{{- range ((lookup "v1" "Node" "" "") | default dict).items -}}
{{- $node := .metadata.name -}}
{{- range ((.status | default dict).addresses) -}}
{{- $address := include "kiv.canonicalAddress" .address -}}
{{- if and (hasKey $found.addresses $address) (not (hasKey $known $address)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %s, the %s of the node %s; give a free address of the nodes' network" (get $found.addresses $address) .address .type $node)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
