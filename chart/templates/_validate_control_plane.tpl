{{/*
The control plane's addresses: what k0s refuses, and what could not work here. What is not there yet is refused, too, and nothing is ignored.
The sidecar checks the same settings again.
*/}}
{{- define "kiv.validate.controlPlane" -}}
{{- if eq (include "kiv.controlPlaneEnabled" .root) "true" -}}
{{- $c := .root.Values.controlPlaneLoadBalancing -}}
{{- $k := $c.keepalived | default dict -}}
{{- $scope := dict "root" .root "found" .found "at" "controlPlaneLoadBalancing" "c" $c "k" $k "version" (include "kiv.number" .root.Values.keepalived.vrrpVersion) -}}
{{- if ne ($c.type | default "Keepalived") "Keepalived" -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "controlPlaneLoadBalancing.type is %q; the only type is Keepalived" $c.type)) -}}
{{- end -}}
{{- if eq (include "kiv.ingressEnabled" .root) "true" -}}
{{- include "kiv.problem" (dict "found" .found "message" "controlPlaneLoadBalancing.enabled is true in a release with controlPlane.ingress, whose address is a pool's; install it as a release of its own") -}}
{{- else if eq (include "kiv.poolsEnabled" .root) "true" -}}
{{- include "kiv.problem" (dict "found" .found "message" "controlPlaneLoadBalancing.enabled is true in a release with pools (virtualIPPools or controller.enabled), whose pods belong on other nodes, too; install it as a release of its own") -}}
{{- end -}}
{{- include "kiv.validate.controlPlane.templates" $scope -}}
{{- include "kiv.validate.controlPlane.instances" $scope -}}
{{- include "kiv.validate.controlPlane.virtualServers" $scope -}}
{{- include "kiv.validate.controlPlane.backends" $scope -}}
{{- include "kiv.validate.controlPlane.ports" $scope -}}
{{- include "kiv.validate.controlPlane.numbers" $scope -}}
{{- end -}}
{{- end -}}

{{/* All below take root, found, at (the section's name), c (the section), k (its keepalived) and version (of VRRP). */}}
{{- define "kiv.validate.controlPlane.templates" -}}
{{- range $key := list "configTemplateVRRP" "configTemplateVS" -}}
{{- with get $.k $key -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "controlPlaneLoadBalancing.keepalived.%s is %q, a Go template of k0s; the configuration here is not made from one: remove it, and use the fields of vrrpInstances and the values below keepalived" $key .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.controlPlane.instances" -}}
{{- $at := printf "%s.keepalived.vrrpInstances" .at -}}
{{- $instances := .k.vrrpInstances | default list -}}
{{- if not $instances -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is empty; give at least one instance, with virtualIPs and authPass" $at)) -}}
{{- else if gt (len $instances) 255 -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s has %d instances; there are router ids for 255" $at (len $instances))) -}}
{{- end -}}
{{- $ids := dict -}}
{{- range $index, $instance := $instances -}}
{{- $scope := merge (dict "at" (printf "%s[%d]" $at $index) "index" $index "instance" $instance "ids" $ids) (omit $ "at") -}}
{{- include "kiv.validate.controlPlane.addresses" $scope -}}
{{- include "kiv.validate.interface" (dict "found" $.found "field" (printf "%s.interface" $scope.at) "name" $instance.interface) -}}
{{- include "kiv.validate.controlPlane.routerId" $scope -}}
{{- include "kiv.validate.controlPlane.manner" $scope -}}
{{- include "kiv.validate.controlPlane.password" $scope -}}
{{- end -}}
{{- /* A peer may be an address of a later instance. */ -}}
{{- range $index, $instance := $instances -}}
{{- include "kiv.validate.controlPlane.unicast" (merge (dict "at" (printf "%s[%d]" $at $index) "instance" $instance) (omit $ "at")) -}}
{{- end -}}
{{- end -}}

{{/* Those below, up to unicast, take besides: at (the instance's), instance, index and ids (the router ids so far, by the interface). */}}
{{- define "kiv.validate.controlPlane.addresses" -}}
{{- if not .instance.virtualIPs -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s.virtualIPs is empty; give at least one address with its prefix, like 192.168.11.3/24" .at)) -}}
{{- end -}}
{{- range $index, $address := .instance.virtualIPs -}}
{{- $field := printf "%s.virtualIPs[%d]" $.at $index -}}
{{- $text := toString $address | trim -}}
{{- if and (include "kiv.canonicalAddress" $text) (not (contains "/" $text)) -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %q, without a prefix; write it with that of its network, like %s/%d" $field $text $text (ternary 64 24 (contains ":" $text)))) -}}
{{- end -}}
{{- include "kiv.validate.address" (dict "found" $.found "version" $.version "field" $field "text" $text) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.controlPlane.routerId" -}}
{{- $given := .instance.virtualRouterID -}}
{{- $field := printf "%s.virtualRouterID" .at -}}
{{- $id := add 51 .index | toString -}}
{{- if not (kindIs "invalid" $given) -}}
{{- $id = include "kiv.number" $given -}}
{{- include "kiv.validate.number" (dict "found" .found "field" $field "value" $given "min" 1 "max" 255 "whole" true "advice" ", one that no other virtual router on the network has") -}}
{{- else if gt .index 204 -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is missing, and the automatic ids, 51 for the first instance and so on, end with the 205th; give the id" $field)) -}}
{{- end -}}
{{- $key := printf "%s on %s" $id (.instance.interface | default "" | toString | lower) -}}
{{- with get .ids $key -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %s, as that of %s on the same interface; give each instance an id of its own" $field $id .)) -}}
{{- end -}}
{{- $_ := set .ids $key .at -}}
{{- $own := .root.Values.keepalived -}}
{{- if and (include "kiv.addresses" .root | fromJsonArray) (eq $id (include "kiv.number" $own.virtualRouterId)) (eq (.instance.interface | default "") ($own.vrrpInterfaceName | default "")) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is %s, as keepalived.virtualRouterId is; give one of the two another id" $field $id)) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.controlPlane.manner" -}}
{{- $interval := .instance.advertIntervalSeconds -}}
{{- if not (kindIs "invalid" $interval) -}}
{{- include "kiv.validate.number" (dict "found" .found "field" (printf "%s.advertIntervalSeconds" .at) "value" $interval "min" 1 "max" (ternary 255 40 (eq .version "2")) "whole" true "advice" "; for less than a second leave it out, and set keepalived.advertInterval") -}}
{{- end -}}
{{- $label := .instance.addressLabel -}}
{{- if not (kindIs "invalid" $label) -}}
{{- include "kiv.validate.number" (dict "found" .found "field" (printf "%s.addressLabel" .at) "value" (include "kiv.wholeNumber" $label) "min" 1 "max" "4294967294" "whole" true) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.controlPlane.password" -}}
{{- $field := printf "%s.authPass" .at -}}
{{- $password := .instance.authPass -}}
{{- if or (kindIs "invalid" $password) (eq (toString $password) "") -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is missing; give 1 to 8 characters, the same on every node (k0s needs it; it is used with keepalived.vrrpVersion 2 only)" $field)) -}}
{{- else if not (kindIs "string" $password) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is a number; put it in quotes (on the command line: --set-string), or digits may be lost" $field)) -}}
{{- else if not (regexMatch `^[!#-&(-\[\]-~]{1,8}$` $password) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s has %d characters or one that cannot be used; give 1 to 8 printable ASCII characters without blank, quote and backslash" $field (len $password))) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.controlPlane.unicast" -}}
{{- $found := .found -}}
{{- $peers := .instance.unicastPeers | default list -}}
{{- $source := .instance.unicastSourceIP | default "" | toString | trim -}}
{{- $field := printf "%s.unicastSourceIP" .at -}}
{{- include "kiv.validate.peerList" (dict "found" $found "field" (printf "%s.unicastPeers" .at) "peers" $peers "version" .version) -}}
{{- if and $peers (not $source) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is missing, while there are unicastPeers; give the address of one of the nodes there, which is then left out of unicastPeers (each node finds its own among all of them)" $field)) -}}
{{- end -}}
{{- if and $source (not $peers) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is given without unicastPeers; add the addresses of the other nodes there, or remove it" $field)) -}}
{{- end -}}
{{- if $source -}}
{{- $canonical := include "kiv.canonicalAddress" $source -}}
{{- include "kiv.validate.peerList" (dict "found" $found "field" $field "peers" (list $source) "version" .version "single" true) -}}
{{- range $index, $peer := $peers -}}
{{- $other := include "kiv.canonicalAddress" $peer -}}
{{- if and $canonical (eq $other $canonical) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.unicastPeers[%d] is %q, which is also unicastSourceIP; remove it from the peers" $.at $index $peer)) -}}
{{- else if and $canonical $other (eq $index 0) (ne (contains ":" $canonical) (contains ":" $other)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, of another family than the unicastPeers; nodes talk by one: give all in the same" $field $source)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What k0s refuses of IPVS, and what could not work. */}}
{{- define "kiv.validate.controlPlane.virtualServers" -}}
{{- $found := .found -}}
{{- $seen := dict -}}
{{- if and .k.virtualServers (eq (toString .k.disableLoadBalancer) "true") -}}
{{- include "kiv.problem" (dict "found" $found "message" "controlPlaneLoadBalancing.keepalived.disableLoadBalancer is true beside virtualServers, which need the proxy for what the nodes themselves ask; leave out one of them") -}}
{{- end -}}
{{- with include "kiv.number" (.c.ipvs | default dict).syncId -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "controlPlaneLoadBalancing.ipvs.syncId" "value" . "min" 0 "max" 255 "whole" true) -}}
{{- end -}}
{{- range $index, $server := .k.virtualServers -}}
{{- $at := printf "controlPlaneLoadBalancing.keepalived.virtualServers[%d]" $index -}}
{{- $text := $server.ipAddress | default "" | toString | trim -}}
{{- $canonical := include "kiv.canonicalAddress" $text -}}
{{- if not $text -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.ipAddress is missing; give one of the virtualIPs, without its prefix" $at)) -}}
{{- else if not $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.ipAddress is %q, which is no address; write it like 192.168.11.3, without a prefix" $at $text)) -}}
{{- else -}}
{{- with get $seen $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.ipAddress is %q, which %s has already; remove one of them" $at $text .)) -}}
{{- end -}}
{{- $_ := set $seen $canonical (printf "%s.ipAddress" $at) -}}
{{- if not (hasPrefix (printf "%s.keepalived.vrrpInstances" $.at) (get $found.addresses $canonical)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.ipAddress is %q, which is none of the virtualIPs of vrrpInstances, so that no node has it; give one of them, without its prefix" $at $text)) -}}
{{- end -}}
{{- end -}}
{{- $algo := $server.lbAlgo | default "rr" -}}
{{- $algos := list "rr" "wrr" "lc" "wlc" "lblc" "dh" "sh" "sed" "nq" -}}
{{- if not (has $algo $algos) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.lbAlgo is %q; choose one of %s" $at $algo (join ", " $algos))) -}}
{{- end -}}
{{- $kind := $server.lbKind | default "DR" -}}
{{- if not (has $kind (list "NAT" "DR" "TUN")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.lbKind is %q; choose NAT, DR or TUN" $at $kind)) -}}
{{- end -}}
{{- if ne $kind "NAT" -}}
{{- range $extraIndex, $extra := $.c.extraPorts -}}
{{- $target := include "kiv.number" $extra.targetPort -}}
{{- if and $target (ne $target (include "kiv.number" $extra.port)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "controlPlaneLoadBalancing.extraPorts[%d].targetPort is %s, which is not its port, and IPVS by %s leaves ports as they are; remove it, or use lbKind NAT for %s" $extraIndex $target $kind $text)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $delay := $server.delayLoop | default "1m" -}}
{{- /* Go's duration; what is below a microsecond is cut off. */ -}}
{{- if not (and (regexMatch `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$` $delay) (regexMatch `[1-9][0-9]*(\.[0-9]+)?(us|µs|ms|s|m|h)|0\.0*[1-9][0-9]*(ms|s|m|h)|[1-9][0-9]{3,}(\.[0-9]+)?ns` $delay)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.delayLoop is %q; it must be a duration of a microsecond or more, like 500ms, 10s or 1m" $at $delay)) -}}
{{- end -}}
{{- if not (kindIs "invalid" $server.persistenceTimeoutSeconds) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.persistenceTimeoutSeconds" $at) "value" (include "kiv.wholeNumber" $server.persistenceTimeoutSeconds) "min" 0 "max" "2678400" "whole" true) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.controlPlane.backends" -}}
{{- $b := .c.backends | default dict -}}
{{- $field := "controlPlaneLoadBalancing.backends" -}}
{{- $source := $b.source | default "EndpointSlices" -}}
{{- if not (has $source (list "EndpointSlices" "List")) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s.source is %q; choose EndpointSlices, or List for those of addresses alone" $field $source)) -}}
{{- end -}}
{{- if and (eq $source "List") (not $b.addresses) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s.source is List, but %s.addresses is empty; list the API servers there, or use EndpointSlices" $field $field)) -}}
{{- end -}}
{{- $seen := dict -}}
{{- range $index, $address := $b.addresses -}}
{{- $at := printf "%s.addresses[%d]" $field $index -}}
{{- $canonical := include "kiv.canonicalAddress" $address -}}
{{- if not $canonical -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %q, which is no address of an API server; write it like 192.168.11.21, without a prefix and port" $at $address)) -}}
{{- else -}}
{{- with include "kiv.unusableAddress" $canonical -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %q, %s; give the address that the API server has on the nodes' network" $at $address .)) -}}
{{- end -}}
{{- with get $.found.addresses $canonical -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %q, the virtual address of %s, behind which the proxy is itself; give the nodes' own addresses" $at $address .)) -}}
{{- end -}}
{{- with get $seen $canonical -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %q, which %s has already; remove one of them" $at $address .)) -}}
{{- end -}}
{{- $_ := set $seen $canonical $at -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Ports of the addresses, ports that something else has, and ports of the proxy, which listens on every address of the node. */}}
{{- define "kiv.validate.controlPlane.ports" -}}
{{- $found := .found -}}
{{- $c := .c -}}
{{- $api := include "kiv.number" ($c.backends | default dict).port | default "6443" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "controlPlaneLoadBalancing.backends.port" "value" $api "min" 1 "max" 65535 "whole" true) -}}
{{- $first := include "kiv.bindPort" .root -}}
{{- $outside := dict $api "controlPlaneLoadBalancing.backends.port" -}}
{{- $targets := dict $api "controlPlaneLoadBalancing.backends.port" -}}
{{- $binds := list (list "controlPlaneLoadBalancing.keepalived.userSpaceProxyBindPort" $first) -}}
{{- if gt (len ($c.extraPorts | default list)) 32 -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "controlPlaneLoadBalancing.extraPorts has %d ports; there may be 32" (len $c.extraPorts))) -}}
{{- end -}}
{{- range $index, $extra := $c.extraPorts -}}
{{- $field := printf "controlPlaneLoadBalancing.extraPorts[%d]" $index -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.port" $field) "value" $extra.port "min" 1 "max" 65535 "whole" true) -}}
{{- if not (kindIs "invalid" $extra.targetPort) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.targetPort" $field) "value" $extra.targetPort "min" 1 "max" 65535 "whole" true) -}}
{{- end -}}
{{- if not (has ($extra.check | default "tcp") (list "tcp" "kubernetes")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.check is %q; choose tcp, or kubernetes for a port of the API servers" $field $extra.check)) -}}
{{- end -}}
{{- $port := include "kiv.number" $extra.port -}}
{{- with get $outside $port -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.port is %s, which %s has already; remove one of them" $field $port .)) -}}
{{- end -}}
{{- $_ := set $outside $port (printf "%s.port" $field) -}}
{{- $_ := set $targets (include "kiv.number" $extra.targetPort | default $port) (printf "%s.targetPort" $field) -}}
{{- $bind := include "kiv.number" $extra.bindPort -}}
{{- if and (not $bind) (regexMatch `^[0-9]{1,5}$` $first) -}}{{- $bind = add (atoi $first) 1 $index | toString -}}{{- end -}}
{{- $binds = append $binds (list (printf "%s.bindPort" $field) $bind) -}}
{{- end -}}
{{- if eq (include "kiv.proxyEnabled" .root) "true" -}}
{{- $health := include "kiv.proxyHealthPort" .root -}}
{{- $binds = append $binds (list "controlPlaneLoadBalancing.healthPort" $health) -}}
{{- with include "kiv.ipvsServerPort" .root -}}{{- $binds = append $binds (list "controlPlaneLoadBalancing.ipvs.serverPort" .) -}}{{- end -}}
{{- $taken := dict (include "kiv.number" .root.Values.sidecar.port) "sidecar.port" (include "kiv.number" .root.Values.metrics.port) "metrics.port" -}}
{{- range $row := $binds -}}
{{- $field := first $row -}}
{{- $port := last $row -}}
{{- /* The proxy has no capability: ports below 1024 are not for it. */ -}}
{{- include "kiv.validate.number" (dict "found" $found "field" $field "value" $port "min" 1024 "max" 65535 "whole" true "advice" ", for the proxy runs without privileges") -}}
{{- with get $targets $port -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %s, where what %s is about listens on the same node; give another port" $field $port .)) -}}
{{- end -}}
{{- with get $taken $port -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %s, which %s has already; give another port" $field $port .)) -}}
{{- end -}}
{{- $_ := set $taken $port $field -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Durations and thresholds; the limits are those of the sidecar's settings. What is not given has its default. */}}
{{- define "kiv.validate.controlPlane.numbers" -}}
{{- $rows := list
  (list "health" "intervalSeconds" 0.05 60 false) (list "health" "fastIntervalSeconds" 0.01 60 false) (list "health" "timeoutSeconds" 0.05 60 false)
  (list "health" "failureThreshold" 1 1000 true) (list "health" "successThreshold" 1 1000 true)
  (list "health" "slowStartSeconds" 0 3600 false) (list "health" "notReadyShutdownAfterSeconds" 0 3600 false) -}}
{{- range $row := $rows -}}
{{- $value := get (get $.c (index $row 0) | default dict) (index $row 1) -}}
{{- if not (has (include "kiv.number" $value) (list "")) -}}
{{- include "kiv.validate.number" (dict "found" $.found "field" (printf "controlPlaneLoadBalancing.%s.%s" (index $row 0) (index $row 1)) "value" $value "min" (index $row 2) "max" (index $row 3) "whole" (index $row 4)) -}}
{{- end -}}
{{- end -}}
{{- $rebalance := .c.rebalance | default dict -}}
{{- with include "kiv.number" $rebalance.maxPerSecond -}}
{{- include "kiv.validate.number" (dict "found" $.found "field" "controlPlaneLoadBalancing.rebalance.maxPerSecond" "value" . "min" 1 "max" 10000 "whole" true) -}}
{{- end -}}
{{- with include "kiv.number" $rebalance.tolerance -}}
{{- if not (and (regexMatch `^(0|1)(\.[0-9]+)?$` .) (ge (float64 .) 0.01) (le (float64 .) 1.0)) -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "controlPlaneLoadBalancing.rebalance.tolerance is %s; it must be a part, from 0.01 to 1" .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
