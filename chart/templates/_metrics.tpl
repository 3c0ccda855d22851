{{/* What PodMonitor and ServiceMonitor say alike about the endpoint; port is the port's name, the sidecars' if not given. */}}
{{- define "kiv.endpoint" -}}
port: {{ .port | default "metrics" }}
path: /metrics
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
