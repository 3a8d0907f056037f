{{/* Empty unless the brokers' authorities are given. */}}
{{- define "bridge.ca" -}}
{{ if or .Values.kafka.tls.ca .Values.kafka.tls.existingCASecret }}given{{ end }}
{{- end }}

{{/* The environment of `bridge run`. Secrets are files, never values. */}}
{{- define "bridge.env" -}}
- name: BRIDGE_HTTP_ADDR
  value: ":8080"
- name: BRIDGE_LOG_LEVEL
  value: {{ .Values.log.level | quote }}
- name: BRIDGE_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
- name: BRIDGE_RULES_FILE
  value: /etc/bridge/rules/rules.yaml
- name: BRIDGE_KAFKA_BROKERS
  value: {{ join "," .Values.kafka.brokers | quote }}
- name: BRIDGE_KAFKA_TOPICS
  value: {{ join "," .Values.kafka.topics | quote }}
- name: BRIDGE_KAFKA_GROUP
  value: {{ .Values.kafka.group | quote }}
- name: BRIDGE_KAFKA_RESULTS_TOPIC
  value: {{ .Values.kafka.resultsTopic | quote }}
- name: BRIDGE_KAFKA_DLQ_TOPIC
  value: {{ .Values.kafka.dlqTopic | quote }}
- name: BRIDGE_KAFKA_JOURNAL_TOPIC
  value: {{ .Values.kafka.journalTopic | quote }}
- name: BRIDGE_KAFKA_REPLAY_TOPIC
  value: {{ .Values.kafka.replayTopic | quote }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- name: BRIDGE_KAFKA_SASL_MECHANISM
  value: {{ .mechanism | quote }}
- name: BRIDGE_KAFKA_SASL_USERNAME
  value: {{ .username | quote }}
- name: BRIDGE_KAFKA_SASL_PASSWORD_FILE
  value: /etc/bridge/secret/kafka-sasl-password
{{- end }}
{{- end }}
{{- if .Values.kafka.tls.enabled }}
- name: BRIDGE_KAFKA_TLS_ENABLED
  value: "true"
{{- if include "bridge.ca" . }}
- name: BRIDGE_KAFKA_TLS_CA_FILE
  value: /etc/bridge/kafka-ca/ca.crt
{{- end }}
{{- if .Values.kafka.tls.clientCertSecret }}
- name: BRIDGE_KAFKA_TLS_CERT_FILE
  value: /etc/bridge/kafka-client/tls.crt
- name: BRIDGE_KAFKA_TLS_KEY_FILE
  value: /etc/bridge/kafka-client/tls.key
{{- end }}
{{- with .Values.kafka.tls.serverName }}
- name: BRIDGE_KAFKA_TLS_SERVER_NAME
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with .Values.push }}
- name: BRIDGE_PUSH_SDKAPPID
  value: {{ .sdkappid | int64 | quote }}{{/* YAML numbers are floats here: 1.4e+09 */}}
- name: BRIDGE_PUSH_IDENTIFIER
  value: {{ .identifier | quote }}
- name: BRIDGE_PUSH_SECRET_KEY_FILE
  value: /etc/bridge/secret/push-secret-key
{{- if .region }}
- name: BRIDGE_PUSH_REGION
  value: {{ .region | quote }}
{{- else }}
- name: BRIDGE_PUSH_URL
  value: {{ .url | quote }}
{{- end }}
- name: BRIDGE_PUSH_QUOTA
  value: {{ .quota | int64 | quote }}
- name: BRIDGE_PUSH_INTERVAL
  value: {{ .interval | quote }}
{{- with .lanes }}
- name: BRIDGE_LANES
  value: {{ keys . | sortAlpha | join "," | quote }}
{{- end }}
{{- range $name, $lane := .lanes }}
{{- $own := printf "BRIDGE_LANE_%s" ($name | upper | replace "-" "_") }}
- name: {{ $own }}_SDKAPPID
  value: {{ .sdkappid | int64 | quote }}
- name: {{ $own }}_SECRET_KEY_FILE
  value: /etc/bridge/secret/push-secret-key-{{ $name }}
{{- with .identifier }}
- name: {{ $own }}_IDENTIFIER
  value: {{ . | quote }}
{{- end }}
{{- with .region }}
- name: {{ $own }}_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .url }}
- name: {{ $own }}_URL
  value: {{ . | quote }}
{{- end }}
{{- with .quota }}
- name: {{ $own }}_QUOTA
  value: {{ . | int64 | quote }}
{{- end }}
{{- with .interval }}
- name: {{ $own }}_INTERVAL
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
