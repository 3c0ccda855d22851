{{/* Pools. What can be said of one value alone the API server refuses again when an object is applied without the chart. */}}
{{- define "kiv.validate.pools" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- $version := include "kiv.number" .root.Values.keepalived.vrrpVersion -}}
{{- range $name, $pool := .root.Values.virtualIPPools -}}
{{- if $pool -}}
{{- $field := printf "virtualIPPools.%s" $name -}}
{{- if or (gt (len $name) 40) (not (regexMatch `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$` $name)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "virtualIPPools has a pool %q; a name is at most 40 characters of a-z, 0-9 and -, because VRRP instances are named after it" $name)) -}}
{{- end -}}
{{- if not (or $pool.addresses $pool.ranges) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.addresses is empty; give at least one address, or remove the pool (for Services alone, give ranges)" $field)) -}}
{{- else if gt (len ($pool.addresses | default list)) 1024 -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.addresses has %d addresses; a pool has at most 1024: make two of it" $field (len $pool.addresses))) -}}
{{- end -}}
{{- range $index, $address := $pool.addresses -}}
{{- include "kiv.validate.address" (dict "found" $found "version" $version "field" (printf "%s.addresses[%d]" $field $index) "text" (toString $address)) -}}
{{- end -}}
{{- include "kiv.validate.poolRanges" (dict "found" $found "version" $version "field" $field "pool" $pool) -}}
{{- include "kiv.validate.poolScheduling" (dict "found" $found "field" $field "pool" $pool) -}}
{{- include "kiv.validate.poolHealthCheck" (dict "found" $found "field" $field "pool" $pool) -}}
{{- include "kiv.validate.poolVrrp" (dict "found" $found "field" $field "pool" $pool "root" $root) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, pool. */}}
{{- define "kiv.validate.poolScheduling" -}}
{{- $found := .found -}}
{{- $field := .field -}}
{{- $selector := .pool.nodeSelector | default dict -}}
{{- if or (hasKey $selector "matchLabels") (hasKey $selector "matchExpressions") (kindIs "slice" $selector.anyLabel) -}}
{{- range $key, $_ := omit $selector "matchLabels" "matchExpressions" "anyLabel" -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.nodeSelector has the label %s beside matchLabels or matchExpressions; put it into matchLabels" $field $key)) -}}
{{- end -}}
{{- range $index, $requirement := $selector.matchExpressions -}}
{{- include "kiv.validate.requirement" (dict "found" $found "field" (printf "%s.nodeSelector.matchExpressions[%d]" $field $index) "requirement" $requirement) -}}
{{- end -}}
{{- $selector = $selector.matchLabels | default dict -}}
{{- end -}}
{{- range $key, $value := $selector -}}
{{- if not (kindIs "string" $value) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.nodeSelector has %s: %v, which is no text; a label's value is in quotes, like \"true\"" $field $key $value)) -}}
{{- end -}}
{{- end -}}
{{- $tolerations := .pool.tolerations | default list -}}
{{- if kindIs "map" $tolerations -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.tolerations is a map; write a list: [{key: …, operator: Exists}]" $field)) -}}
{{- else -}}
{{- range $index, $toleration := $tolerations -}}
{{- if not (or $toleration.key (eq (toString $toleration.operator) "Exists")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.tolerations[%d] has no key; give one, or operator: Exists for every taint" $field $index)) -}}
{{- end -}}
{{- if and $toleration.value (eq (toString $toleration.operator) "Exists") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.tolerations[%d] has a value with operator Exists; remove it, or use Equal" $field $index)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A requirement on a label. Takes found, field, requirement. */}}
{{- define "kiv.validate.requirement" -}}
{{- $operator := .requirement.operator -}}
{{- $valued := has $operator (list "In" "NotIn") -}}
{{- if not (has $operator (list "In" "NotIn" "Exists" "DoesNotExist")) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s.operator is %q; choose In, NotIn, Exists or DoesNotExist" .field (toString $operator))) -}}
{{- else if ne $valued (not (empty .requirement.values)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s has operator %s %s values; %s" .field $operator (ternary "without" "with" $valued) (ternary "give some" "remove them" $valued))) -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, pool. */}}
{{- define "kiv.validate.poolHealthCheck" -}}
{{- $found := .found -}}
{{- $field := printf "%s.healthCheck" .field -}}
{{- $check := .pool.healthCheck -}}
{{- if not (kindIs "invalid" $check) -}}
{{- if eq (empty $check.httpGet) (empty $check.tcpSocket) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s must have exactly one of httpGet and tcpSocket; for the release's service check leave healthCheck out" $field)) -}}
{{- end -}}
{{- range $kind := list "httpGet" "tcpSocket" -}}
{{- with get $check $kind -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.%s.port" $field $kind) "value" .port "min" 1 "max" 65535 "whole" true) -}}
{{- if ne (include "kiv.isHost" (.host | default "" | toString)) "true" -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.%s.host is %q; give a host name or an IP address at which this node answers, without scheme, port, path, zone and brackets, like 127.0.0.1" $field $kind .host)) -}}
{{- end -}}
{{- if not (regexMatch `^(/[!-~]*)?$` (.path | default "")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.%s.path is %q; it must begin with a slash, e.g. /healthz, with blanks and other letters percent-encoded" $field $kind .path)) -}}
{{- end -}}
{{- range $index, $header := .httpHeaders -}}
{{- if not (regexMatch `^(([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?)?$` (toString $header.value)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.%s.httpHeaders[%d].value is %q; give a host name like ingress.example.org, with or without a port" $field $kind $index (toString $header.value))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $row := list (list "periodSeconds" 0.1 3600 false) (list "timeoutSeconds" 0.05 60 false) (list "failureThreshold" 1 1000 true) (list "successThreshold" 1 1000 true) -}}
{{- $value := get $check (first $row) -}}
{{- if hasKey $check (first $row) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.%s" $field (first $row)) "value" $value "min" (index $row 1) "max" (index $row 2) "whole" (index $row 3)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, pool, root. */}}
{{- define "kiv.validate.poolVrrp" -}}
{{- $found := .found -}}
{{- include "kiv.validate.interface" (dict "found" $found "field" (printf "%s.interface" .field) "name" .pool.interface) -}}
{{- $failback := .pool.failback | default dict -}}
{{- if hasKey $failback "delaySeconds" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.failback.delaySeconds" .field) "value" $failback.delaySeconds "min" 0 "max" 86400 "whole" true) -}}
{{- end -}}
{{- with (.pool.vrrp | default dict).virtualRouterIds -}}
{{- include "kiv.validate.routerIds" (dict "found" $found "field" (printf "%s.vrrp.virtualRouterIds" $.field) "range" .) -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, range (first and last). */}}
{{- define "kiv.validate.routerIds" -}}
{{- range $end := list "first" "last" -}}
{{- include "kiv.validate.number" (dict "found" $.found "field" (printf "%s.%s" $.field $end) "value" (get $.range $end) "min" 1 "max" 255 "whole" true) -}}
{{- end -}}
{{- if gt (float64 (.range.first | default 0)) (float64 (.range.last | default 255)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s.first is %v, above its last, %v; exchange them" .field .range.first .range.last)) -}}
{{- end -}}
{{- end -}}

{{/* The controller, and what pools need of the cluster. */}}
{{- define "kiv.validate.controller" -}}
{{- $found := .found -}}
{{- $c := .root.Values.controller -}}
{{- $pools := list -}}
{{- range $name, $pool := .root.Values.virtualIPPools -}}{{- if $pool -}}{{- $pools = append $pools $name -}}{{- end -}}{{- end -}}
{{- if ne (include "kiv.poolsEnabled" .root) "true" -}}
{{- if $pools -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "controller.enabled is false, but virtualIPPools has %s, which nobody would plan; remove controller.enabled, or the pools" (join ", " $pools))) -}}
{{- end -}}
{{- else if not (and $c $c.virtualRouterIds $c.service $c.podDisruptionBudget) -}}
{{- include "kiv.problem" (dict "found" $found "message" "the values of controller are missing: helm upgrade --reuse-values keeps those of the old chart, which had none; use --reset-then-reuse-values instead") -}}
{{- else -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "controller.replicas" "value" $c.replicas "min" 1 "max" 10 "whole" true) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "controller.port" "value" $c.port "min" 1024 "max" 65535 "whole" true) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "controller.maxGroupsPerPool" "value" $c.maxGroupsPerPool "min" 1 "max" 255 "whole" true) -}}
{{- include "kiv.validate.routerIds" (dict "found" $found "field" "controller.virtualRouterIds" "range" $c.virtualRouterIds) -}}
{{- with $c.image | default dict -}}
{{- if and (or .tag .digest) (not .repository) -}}
{{- include "kiv.problem" (dict "found" $found "message" "controller.image has a tag or digest, but no repository, so that the sidecar's image would be used; give it a repository too") -}}
{{- end -}}
{{- end -}}
{{- range $variable := $c.extraEnv -}}
{{- if has $variable.name (list "POD_NAME" "POD_UID" "POD_NAMESPACE") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "controller.extraEnv has %s, which the chart sets itself; remove it" $variable.name)) -}}
{{- end -}}
{{- end -}}
{{- include "kiv.validate.cluster" . -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.cluster" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- if semverCompare "<1.30.0-0" $root.Capabilities.KubeVersion.Version -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "virtualIPPools needs Kubernetes 1.30 or later, where tokens name their node and policies see it; this is %s. keepalived.vipAddressCidr works here" $root.Capabilities.KubeVersion.Version)) -}}
{{- end -}}
{{- /* Without a cluster Helm knows client-go's resources only: neither these nor those of the API server itself, which every cluster has. */ -}}
{{- $cluster := $root.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" -}}
{{- if and $root.Release.IsUpgrade $cluster (not ($root.Capabilities.APIVersions.Has "keepalived-ingress-vip.io/v1alpha1/VirtualIPPool")) -}}
{{- include "kiv.problem" (dict "found" $found "message" "the custom resource definitions of pools are missing, and Helm installs them with a new release only, not with an upgrade; run: kubectl apply --server-side -f chart/crds/ (the folder crds of this chart), then the upgrade again") -}}
{{- end -}}
{{- if eq (include "kiv.serviceAccountName" $root) (include "kiv.controller.name" $root) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "serviceAccount.name is %s, the controller's own account; the sidecars need another" $root.Values.serviceAccount.name)) -}}
{{- end -}}
{{- $other := lookup "admissionregistration.k8s.io/v1" "ValidatingAdmissionPolicy" "" (include "kiv.nodePlanPolicyName" $root) | default dict -}}
{{- $owner := dig "metadata" "annotations" dict $other -}}
{{- $name := get $owner "meta.helm.sh/release-name" -}}
{{- $namespace := get $owner "meta.helm.sh/release-namespace" -}}
{{- if and $name (or (ne $name $root.Release.Name) (ne $namespace $root.Release.Namespace)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "release %s in namespace %s has the cluster's pools already, and two controllers would plan the same ones; give these pools to that release" $name $namespace)) -}}
{{- end -}}
{{- end -}}
