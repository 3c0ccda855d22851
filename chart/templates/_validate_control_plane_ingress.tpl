{{/* The ingress of the control plane. What can be said of the object alone the API server refuses again. */}}
{{- define "kiv.validate.controlPlaneIngress" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- $i := include "kiv.ingress" $root | fromYaml -}}
{{- $given := include "kiv.ingressAddresses" $root | fromJson -}}
{{- if eq (include "kiv.ingressEnabled" $root) "true" -}}
{{- if not $given -}}
{{- include "kiv.problem" (dict "found" $found "message" "controlPlane.ingress.enabled is true, but there is no address; give managedVirtualIP.address (one that nodes of the control plane are to hold), externalIP.address (one that something else moves) or nodeName (a node, by whose own address the ingress is reached)") -}}
{{- else if gt (len $given) 1 -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "controlPlane.ingress has %s, but is reached by one address; remove all but one of them (what helm upgrade --reuse-values brings along is taken back by --set controlPlane.ingress.FIELD=)" (keys $given | sortAlpha | join " and "))) -}}
{{- end -}}
{{- include "kiv.validate.controlPlaneIngress.addresses" (dict "found" $found "root" $root "given" $given) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "controlPlane.ingress.port" "value" (include "kiv.ingressPort" $root) "min" 1 "max" 65535 "whole" true) -}}
{{- include "kiv.validate.controlPlaneIngress.service" (dict "found" $found "service" ($i.service | default dict)) -}}
{{- if $i.healthCheck -}}
{{- include "kiv.validate.poolHealthCheck" (dict "found" $found "field" "controlPlane.ingress" "pool" $i) -}}
{{- end -}}
{{- include "kiv.validate.controlPlaneIngress.release" . -}}
{{- end -}}
{{- end -}}

{{/* Takes found, root, given. */}}
{{- define "kiv.validate.controlPlaneIngress.addresses" -}}
{{- $found := .found -}}
{{- with get .given "managedVirtualIP.address" -}}
{{- include "kiv.validate.address" (dict "found" $found "version" (include "kiv.number" $.root.Values.keepalived.vrrpVersion) "field" "controlPlane.ingress.managedVirtualIP.address" "text" .) -}}
{{- end -}}
{{- with get .given "externalIP.address" -}}
{{- $field := "controlPlane.ingress.externalIP.address" -}}
{{- $canonical := include "kiv.canonicalAddress" . -}}
{{- if not $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, which is no address; write it like 192.168.11.8, without a prefix" $field .)) -}}
{{- else -}}
{{- with include "kiv.unusableAddress" $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, %s; give the address that clients use" $field $canonical .)) -}}
{{- end -}}
{{- with get $found.addresses $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, the virtual address of %s; an address that this release moves belongs into managedVirtualIP" $field $canonical .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with get .given "nodeName" -}}
{{- if not (regexMatch `^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$` .) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "controlPlane.ingress.nodeName is %q; give the name of a node, as kubectl get nodes has it" .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes found, service. */}}
{{- define "kiv.validate.controlPlaneIngress.service" -}}
{{- $namespace := .service.namespace | default "" -}}
{{- $port := .service.targetPort | default "" | toString -}}
{{- if not (regexMatch `^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$` $namespace) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "controlPlane.ingress.service.namespace is %q, which is no namespace; give that of the ingress' pods" $namespace)) -}}
{{- end -}}
{{- if and $port (not (regexMatch `^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$` $port)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "controlPlane.ingress.service.targetPort is %q; give a port from 1 to 65535, or the name that the pods give theirs" $port)) -}}
{{- else if and (regexMatch `^[0-9]+$` $port) (or (lt (atoi $port) 1) (gt (atoi $port) 65535)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "controlPlane.ingress.service.targetPort is %s; give a port from 1 to 65535, or the name that the pods give theirs" $port)) -}}
{{- end -}}
{{- if and (or $namespace $port) (not .service.selector) -}}
{{- include "kiv.problem" (dict "found" .found "message" "controlPlane.ingress.service has no selector, so that no Service is made; give the labels of the ingress' pods, or remove namespace and targetPort") -}}
{{- end -}}
{{- end -}}

{{/* What of the release and of the cluster it needs. */}}
{{- define "kiv.validate.controlPlaneIngress.release" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- $name := include "kiv.ingressPool" $root -}}
{{- if get ($root.Values.virtualIPPools | default dict) $name -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "virtualIPPools has a pool %s, the name of the one that is made of controlPlane.ingress; give it another name" $name)) -}}
{{- end -}}
{{- if eq (toString ($root.Values.controller | default dict).enabled) "false" -}}
{{- include "kiv.problem" (dict "found" $found "message" "controller.enabled is false, but controlPlane.ingress needs the controller; remove controller.enabled") -}}
{{- end -}}
{{- $cluster := $root.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" -}}
{{- if and $root.Release.IsUpgrade $cluster (not ($root.Capabilities.APIVersions.Has "keepalived-ingress-vip.io/v1alpha1/ControlPlaneIngress")) -}}
{{- include "kiv.problem" (dict "found" $found "message" "the custom resource definition of controlPlane.ingress is missing, and Helm installs it with a new release only, not with an upgrade; run: kubectl apply --server-side -f chart/crds/ (the folder crds of this chart), then the upgrade again") -}}
{{- end -}}
{{- end -}}
