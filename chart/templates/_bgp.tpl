{{/* Announcing addresses to routers by BGP (values `bgp`). What `helm upgrade --reuse-values` brings from an older chart lacks keys: they have the defaults. */}}

{{/* `true` if addresses are announced. */}}
{{- define "kiv.bgpEnabled" -}}
{{- eq (toString (.Values.bgp | default dict).enabled) "true" -}}
{{- end -}}

{{/* `true` if a router wants to know by BFD that a node is alive. */}}
{{- define "kiv.bfdEnabled" -}}
{{- $asked := false -}}
{{- if eq (include "kiv.bgpEnabled" .) "true" -}}
{{- range .Values.bgp.peers -}}{{- if .bfd -}}{{- $asked = true -}}{{- end -}}{{- end -}}
{{- end -}}
{{- $asked -}}
{{- end -}}

{{- define "kiv.bgpConfigName" -}}
{{ include "kiv.fullname" . }}-bgp
{{- end -}}

{{- define "kiv.bgpListenPort" -}}
{{- include "kiv.number" .Values.bgp.listenPort | default "1790" -}}
{{- end -}}

{{/* A number of `bgp`, or the default. Takes value and default. */}}
{{- define "kiv.bgpNumber" -}}
{{- include "kiv.wholeNumber" .value | default (toString .default) -}}
{{- end -}}

{{/* The name of a peer: of its session in BIRD, and of its password's file. It is the address, so that it stays when others come or go. */}}
{{- define "kiv.bgpPeerName" -}}
to_{{ regexReplaceAll `[^0-9a-f]` (include "kiv.canonicalAddress" .address) "_" }}
{{- end -}}

{{/* The networks of a family as a set of BIRD: single addresses of them. Takes root and six. Empty if there are none. */}}
{{- define "kiv.bgpPrefixes" -}}
{{- $set := list -}}
{{- range .root.Values.bgp.prefixes -}}
{{- if eq (contains ":" .) $.six -}}
{{- $set = append $set (printf "%s{%s}" . (ternary "128,128" "32,32" $.six)) -}}
{{- end -}}
{{- end -}}
{{- join ", " $set -}}
{{- end -}}

{{/* What every configuration of BIRD begins with. The file is the supervisor's: the node's router id and addresses. */}}
{{- define "kiv.birdHead" -}}
# Written by Helm.
log stderr all;
include "/run/bird/node.conf";
{{- end -}}

{{/* The BIRD that announces. It has no protocol "kernel": it never changes the node's routes. */}}
{{- define "kiv.bgpConf" -}}
{{- $b := .Values.bgp -}}
{{ include "kiv.birdHead" . }}
debug protocols { states };
# After a restart, a router that does not come up holds back what the others are told for no longer.
graceful restart wait 5;
protocol device { scan time 10; }
protocol direct addresses { ipv4; ipv6; interface "lo"; }
{{- range $six := list false true }}
{{- with include "kiv.bgpPrefixes" (dict "root" $ "six" $six) }}
filter announced{{ ternary 6 4 $six }} {
  if net !~ [ {{ . }} ] then reject;
  {{- range $b.communities }}
  {{- $parts := splitList ":" . }}
  bgp_{{ ternary "large_" "" (eq (len $parts) 3) }}community.add(({{ join ", " $parts }}));
  {{- end }}
  {{- with include "kiv.wholeNumber" $b.localPreference }}
  bgp_local_pref = {{ . }};
  {{- end }}
  accept;
}
{{- end }}
{{- end }}
{{- range $b.peers }}
protocol bgp {{ include "kiv.bgpPeerName" . }} {
  local port {{ include "kiv.bgpListenPort" $ }} as {{ include "kiv.wholeNumber" $b.asNumber }};
  neighbor {{ .address }} port {{ include "kiv.bgpNumber" (dict "value" .port "default" 179) }} as {{ include "kiv.wholeNumber" .asNumber }};
  {{ with include "kiv.number" .multihop }}multihop {{ . }}{{ else }}direct{{ end }};
  hold time {{ include "kiv.bgpNumber" (dict "value" $b.holdTimeSeconds "default" 9) }};
  connect delay time 1;
  connect retry time 5;
  error wait time 1, 10;
  {{- $graceful := include "kiv.bgpNumber" (dict "value" $b.gracefulRestartSeconds "default" 120) }}
  {{- if eq $graceful "0" }}
  graceful restart off;
  {{- else }}
  graceful restart on;
  graceful restart time {{ $graceful }};
  {{- end }}
  {{- if .passwordSecret }}
  include "/run/bird/{{ include "kiv.bgpPeerName" . }}.conf";
  {{- end }}
  {{ ternary "ipv6" "ipv4" (contains ":" .address) }} { import none; export filter announced{{ ternary 6 4 (contains ":" .address) }}; };
}
{{- end }}
{{- end -}}

{{/* The BIRD that speaks BFD alone. It does not end with the other one: routers then know that the node is alive, and keep its addresses. */}}
{{- define "kiv.bfdConf" -}}
{{- $bfd := .Values.bgp.bfd | default dict -}}
{{- $milliseconds := include "kiv.number" $bfd.intervalSeconds | default "0.1" | float64 | printf "%.3f" | replace "." "" | regexFind `[1-9][0-9]*$` -}}
{{- $timing := printf "interval %s ms; multiplier %s;" $milliseconds (include "kiv.bgpNumber" (dict "value" $bfd.multiplier "default" 5)) -}}
{{ include "kiv.birdHead" . }}
protocol device { scan time 10; }
protocol bfd routers {
  interface "*" { {{ $timing }} };
  multihop { {{ $timing }} };
  {{- range .Values.bgp.peers }}
  {{- if .bfd }}
  neighbor {{ .address }}{{ if .multihop }} local node_ipv{{ ternary 6 4 (contains ":" .address) }} multihop yes{{ end }};
  {{- end }}
  {{- end }}
}
{{- end -}}

{{/* Peers that have a password, a line each. */}}
{{- define "kiv.bgpPasswords" -}}
{{- $names := list -}}
{{- range .Values.bgp.peers -}}
{{- if .passwordSecret -}}{{- $names = append $names (include "kiv.bgpPeerName" .) -}}{{- end -}}
{{- end -}}
{{- join "\n" $names -}}
{{- end -}}

{{/* Takes root and role. */}}
{{- define "kiv.birdContainer" -}}
{{- $b := .root.Values.bgp -}}
{{- $bfd := eq .role "bfd" -}}
{{- $own := ternary ($b.bfd | default dict) $b $bfd -}}
name: {{ .role }}
image: {{ include "kiv.image" (dict "root" .root "image" (include "kiv.birdImage" .root | fromYaml)) }}
imagePullPolicy: {{ coalesce ($b.image | default dict).pullPolicy .root.Values.image.pullPolicy }}
restartPolicy: Always
args: [run, {{ .role }}]
env:
  - name: NODE_NAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  - name: NODE_IPS
    valueFrom:
      fieldRef:
        fieldPath: status.hostIPs
  {{- with .root.Values.pod.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
# Host ports, so that the scheduler keeps two releases with the same ports off one node.
ports:
  {{- if $bfd }}
  - name: bfd
    containerPort: 3784
    hostPort: 3784
    protocol: UDP
  {{- else }}
  - name: bgp
    containerPort: {{ include "kiv.bgpListenPort" .root }}
    hostPort: {{ include "kiv.bgpListenPort" .root }}
    protocol: TCP
  {{- end }}
livenessProbe:
  exec:
    command: [/usr/local/bin/supervisor, check]
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- with $own.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: bgp-config
    mountPath: /etc/keepalived-ingress-vip-bgp
    readOnly: true
  - name: {{ .role }}-runtime
    mountPath: /run/bird
  - name: {{ .role }}-status
    mountPath: /run/keepalived-ingress-vip-bgp
  {{- if and (not $bfd) (ne (include "kiv.bgpPasswords" .root) "") }}
  - name: bgp-passwords
    mountPath: /etc/keepalived-ingress-vip-bgp-passwords
    readOnly: true
  {{- end }}
{{- end -}}

{{- define "kiv.birdImage" -}}
{{- $image := deepCopy ((.Values.bgp | default dict).image | default dict) -}}
{{- toYaml (merge $image (dict "repository" "keepalived-ingress-vip/bird")) -}}
{{- end -}}

{{- define "kiv.bgpVolumes" -}}
- name: bgp-config
  configMap:
    name: {{ include "kiv.bgpConfigName" . }}
- name: bgp-runtime
  emptyDir:
    medium: Memory
    sizeLimit: 4Mi
# What the sidecar is told of BIRD, which it can read and not write.
- name: bgp-status
  emptyDir:
    medium: Memory
    sizeLimit: 4Mi
{{- if eq (include "kiv.bfdEnabled" .) "true" }}
- name: bfd-runtime
  emptyDir:
    medium: Memory
    sizeLimit: 4Mi
- name: bfd-status
  emptyDir:
    medium: Memory
    sizeLimit: 4Mi
{{- end }}
{{- if ne (include "kiv.bgpPasswords" .) "" }}
# A Secret that is not there yet keeps no pod from starting: the addresses of VRRP do not depend on it.
- name: bgp-passwords
  projected:
    defaultMode: 292 # 0444
    sources:
      {{- range $peer := .Values.bgp.peers }}
      {{- with $peer.passwordSecret }}
      - secret:
          name: {{ .name }}
          optional: true
          items:
            - key: {{ .key | default "password" }}
              path: {{ include "kiv.bgpPeerName" $peer }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end -}}
