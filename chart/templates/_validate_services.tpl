{{/* Services that get addresses from pools. */}}
{{- define "kiv.validate.services" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- if eq (include "kiv.servicesEnabled" $root) "true" -}}
{{- if eq (toString ($root.Values.controller | default dict).enabled) "false" -}}
{{- include "kiv.problem" (dict "found" $found "message" "controller.enabled is false, but services.enabled is true, and the controller gives Services their addresses; remove controller.enabled, or set services.enabled to false") -}}
{{- end -}}
{{- $class := include "kiv.loadBalancerClass" $root -}}
{{- if not (and (le (len $class) 317) (regexMatch `^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$` $class)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "services.loadBalancerClass is %q; give a name as Services have it in spec.loadBalancerClass, like keepalived-ingress-vip.io/vip" $class)) -}}
{{- end -}}
{{- $group := ($root.Values.services | default dict).multicastGroup -}}
{{- if not (has (toString $group) (list "<nil>" "")) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "services.multicastGroup" "value" $group "min" 151 "max" 250 "whole" true) -}}
{{- end -}}
{{- $cluster := $root.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" -}}
{{- if and $root.Release.IsUpgrade $cluster (not ($root.Capabilities.APIVersions.Has "keepalived-ingress-vip.io/v1alpha1/ServiceAddress")) -}}
{{- include "kiv.problem" (dict "found" $found "message" "the custom resource definition of the addresses of Services is missing, and Helm installs it with a new release only, not with an upgrade; run: kubectl apply --server-side -f chart/crds/ (the folder crds of this chart), then the upgrade again") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a pool has for Services. Takes found, version (of VRRP), field, pool. */}}
{{- define "kiv.validate.poolRanges" -}}
{{- $found := .found -}}
{{- $field := .field -}}
{{- if gt (len (.pool.ranges | default list)) 64 -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.ranges has %d ranges; a pool has at most 64: make two of it" $field (len .pool.ranges))) -}}
{{- end -}}
{{- if and .pool.services (empty .pool.ranges) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.services is given, but no ranges: what is in addresses no Service gets; give ranges, or remove services" $field)) -}}
{{- end -}}
{{- range $index, $range := .pool.ranges -}}
{{- include "kiv.validate.poolRange" (dict "found" $found "version" $.version "field" (printf "%s.ranges[%d]" $field $index) "range" $range) -}}
{{- end -}}
{{- range $index, $text := .pool.exclude -}}
{{- $address := regexReplaceAll `/.*$` $text "" -}}
{{- if or (not (include "kiv.canonicalAddress" $address)) (and (contains "/" $text) (ne (include "kiv.isPrefixed" $text) "true")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.exclude[%d] is %q; give an address like 192.168.11.10, or a subnet like 192.168.11.32/30" $field $index $text)) -}}
{{- end -}}
{{- end -}}
{{- include "kiv.validate.poolServices" (dict "found" $found "field" (printf "%s.services" $field) "services" (.pool.services | default dict)) -}}
{{- end -}}

{{/* `true` for an address with a prefix that its family can have. */}}
{{- define "kiv.isPrefixed" -}}
{{- $prefix := regexReplaceAll `^[^/]*/?` . "" -}}
{{- $canonical := include "kiv.canonicalAddress" (regexReplaceAll `/.*$` . "") -}}
{{- $digits := regexMatch `^[1-9][0-9]{0,2}$` $prefix -}}
{{- and (ne $canonical "") $digits (le (atoi (ternary $prefix "0" $digits)) (ternary 128 32 (contains ":" $canonical))) -}}
{{- end -}}

{{/* Takes found, version, field, range. */}}
{{- define "kiv.validate.poolRange" -}}
{{- $found := .found -}}
{{- $r := .range -}}
{{- $ends := list ($r.first | default "") ($r.last | default "") -}}
{{- $texts := list ($r.cidr | default "") (first $ends) (last $ends) -}}
{{- if eq (empty $r.cidr) (and (empty $r.first) (empty $r.last)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s must have either cidr, like 192.168.11.128/28, or first and last" .field)) -}}
{{- else if and (empty $r.cidr) (or (empty $r.first) (empty $r.last)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s has first or last alone; give both, or cidr" .field)) -}}
{{- else if and $r.cidr (ne (include "kiv.isPrefixed" $r.cidr) "true") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.cidr is %q; give a subnet like 192.168.11.128/28" .field $r.cidr)) -}}
{{- else if empty $r.cidr -}}
{{- range $end := list "first" "last" -}}
{{- if not (include "kiv.canonicalAddress" (get $r $end)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.%s is %q, which is no address; write it like 192.168.11.128, without a prefix" $.field $end (get $r $end))) -}}
{{- end -}}
{{- end -}}
{{- if ne (contains ":" $r.first) (contains ":" $r.last) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s has an IPv4 and an IPv6 address; make two ranges of it" .field)) -}}
{{- end -}}
{{- end -}}
{{- if and (contains ":" (join " " $texts)) (eq .version "2") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is of IPv6, which needs VRRP version 3; set keepalived.vrrpVersion to 3, or remove the range" .field)) -}}
{{- end -}}
{{- if hasKey $r "prefixLength" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.prefixLength" .field) "value" $r.prefixLength "min" 1 "max" (ternary 128 32 (contains ":" (join " " $texts))) "whole" true) -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, services. */}}
{{- define "kiv.validate.poolServices" -}}
{{- $found := .found -}}
{{- $field := .field -}}
{{- if and .services.fence (not (or .services.namespaces (hasKey .services "namespaceSelector"))) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.fence is true, but neither namespaces nor namespaceSelector says for whom it is; give one of them" $field)) -}}
{{- end -}}
{{- range $row := list (list "priority" 0 1000000) (list "retainSeconds" 0 31536000) -}}
{{- if hasKey $.services (first $row) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.%s" $field (first $row)) "value" (get $.services (first $row)) "min" (index $row 1) "max" (index $row 2) "whole" true) -}}
{{- end -}}
{{- end -}}
{{- range $kind := list "namespaceSelector" "serviceSelector" -}}
{{- range $index, $requirement := (get $.services $kind | default dict).matchExpressions -}}
{{- include "kiv.validate.requirement" (dict "found" $found "field" (printf "%s.%s.matchExpressions[%d]" $field $kind $index) "requirement" $requirement) -}}
{{- end -}}
{{- end -}}
{{- end -}}
