{{- define "bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "bridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "bridge.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "bridge.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "bridge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bridge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "bridge.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "bridge.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "bridge.secretName" -}}
{{ default (include "bridge.fullname" .) .Values.existingSecret }}
{{- end }}

{{- define "bridge.rulesConfigMap" -}}
{{ default (printf "%s-rules" (include "bridge.fullname" .)) .Values.existingRulesConfigMap }}
{{- end }}

{{/* What is missing or contradicts itself, all at once, as the bridge itself would say it. */}}
{{- define "bridge.validate" -}}
{{- $bad := list }}
{{- with .Values }}
{{- if not .kafka.brokers }}{{ $bad = append $bad "kafka.brokers: name one or more brokers as host:port" }}{{ end }}
{{- if not .kafka.topics }}{{ $bad = append $bad "kafka.topics: name the topics with CloudEvents to read" }}{{ end }}
{{- if not .push.sdkappid }}{{ $bad = append $bad "push.sdkappid: give the app's id" }}{{ end }}
{{- if not .push.identifier }}{{ $bad = append $bad "push.identifier: give an administrator account of the app" }}{{ end }}
{{- if and .push.region .push.url }}{{ $bad = append $bad "push.region and push.url: keep one" }}{{ end }}
{{- if not (or .push.region .push.url) }}{{ $bad = append $bad "push.region: name a region, or give push.url" }}{{ end }}
{{- if not (or .existingSecret .push.secretKey) }}{{ $bad = append $bad "push.secretKey: give the app's key, or existingSecret that has it under push-secret-key" }}{{ end }}
{{- $apps := dict (.push.sdkappid | int64 | toString) "push" }}
{{- $existing := .existingSecret }}
{{- range $name, $lane := .push.lanes }}
{{- if and .region .url }}{{ $bad = append $bad (printf "push.lanes.%s.region and url: keep one" $name) }}{{ end }}
{{- if not (or $existing .secretKey) }}{{ $bad = append $bad (printf "push.lanes.%s.secretKey: give the app's key, or existingSecret that has it under push-secret-key-%s" $name $name) }}{{ end }}
{{- if and $existing .secretKey }}{{ $bad = append $bad (printf "existingSecret: it would hide push.lanes.%s.secretKey; keep one" $name) }}{{ end }}
{{- $app := .sdkappid | int64 | toString }}
{{- if hasKey $apps $app }}{{ $bad = append $bad (printf "push.lanes.%s.sdkappid: %s is that of %s: an app has one budget, so it is one lane" $name $app (get $apps $app)) }}{{ end }}
{{- $_ := set $apps $app (printf "push.lanes.%s" $name) }}
{{- end }}
{{- if and .existingSecret (or .push.secretKey .kafka.sasl.password) }}{{ $bad = append $bad "existingSecret: it would hide push.secretKey and kafka.sasl.password; keep one" }}{{ end }}
{{- if not (or .rules .existingRulesConfigMap) }}{{ $bad = append $bad "rules: give the rule file (--set-file rules=rules.yaml), or existingRulesConfigMap" }}{{ end }}
{{- if and .rules .existingRulesConfigMap }}{{ $bad = append $bad "rules and existingRulesConfigMap: keep one" }}{{ end }}
{{- if .kafka.sasl.mechanism }}
{{- if not .kafka.sasl.username }}{{ $bad = append $bad "kafka.sasl.username: required with kafka.sasl.mechanism" }}{{ end }}
{{- if not (or .existingSecret .kafka.sasl.password) }}{{ $bad = append $bad "kafka.sasl.password: give it, or existingSecret that has it under kafka-sasl-password" }}{{ end }}
{{- else if or .kafka.sasl.username .kafka.sasl.password }}{{ $bad = append $bad "kafka.sasl.mechanism: required with a user or password" }}{{ end }}
{{- if and .kafka.tls.ca .kafka.tls.existingCASecret }}{{ $bad = append $bad "kafka.tls.ca and kafka.tls.existingCASecret: keep one" }}{{ end }}
{{- if and (not .kafka.tls.enabled) (or .kafka.tls.ca .kafka.tls.existingCASecret .kafka.tls.clientCertSecret .kafka.tls.serverName) }}{{ $bad = append $bad "kafka.tls.enabled: must be true for the other kafka.tls values to mean anything" }}{{ end }}
{{- end }}
{{- if $bad }}
{{- fail (printf "the values cannot run a bridge:\n  - %s" (join "\n  - " $bad)) }}
{{- end }}
{{- end }}
