{{- define "stagecraft.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "stagecraft.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "stagecraft.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "stagecraft.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stagecraft.labels" -}}
{{ include "stagecraft.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "stagecraft.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* The name of the ConfigMap with access rules; empty where there are none. */}}
{{- define "stagecraft.accessConfigMap" -}}
{{- if .Values.access.existingConfigMap -}}
{{ .Values.access.existingConfigMap }}
{{- else if .Values.access.rules -}}
{{ include "stagecraft.fullname" . }}-access
{{- end -}}
{{- end -}}

{{/* The name of the ConfigMap with metric providers; empty where there are none. */}}
{{- define "stagecraft.providersConfigMap" -}}
{{- if .Values.providers.existingConfigMap -}}
{{ .Values.providers.existingConfigMap }}
{{- else if .Values.providers.prometheus -}}
{{ include "stagecraft.fullname" . }}-providers
{{- end -}}
{{- end -}}
