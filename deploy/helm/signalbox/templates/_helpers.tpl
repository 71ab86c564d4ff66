{{/* One file, because Helm finds named templates anywhere. */}}

{{- define "signalbox.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 52 characters: Kubernetes puts the name of a StatefulSet and a hash of ten into a label, and labels have 63 at most. */}}
{{- define "signalbox.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "signalbox.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "signalbox.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "signalbox.selectorLabels" -}}
app.kubernetes.io/name: {{ include "signalbox.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "signalbox.labels" -}}
{{ include "signalbox.selectorLabels" . }}
app.kubernetes.io/part-of: signalbox
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "signalbox.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "signalbox.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "signalbox.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "signalbox.configMapName" -}}
{{- default (printf "%s-config" (include "signalbox.fullname" .)) .Values.existingConfigMap -}}
{{- end -}}

{{/* The secrets that are switched on: a list, as JSON, of the file, its variable, and where it is from. */}}
{{- define "signalbox.secrets" -}}
{{- $default := default (include "signalbox.fullname" .) .Values.existingSecret -}}
{{- $list := list -}}
{{- range list (list "jwtSecret" "jwt-secret" "JWT_SECRET_FILE") (list "adminToken" "admin-token" "ADMIN_TOKEN_FILE") (list "redisUrl" "redis-url" "REDIS_URL_FILE") (list "databaseUrl" "database-url" "DATABASE_URL_FILE") -}}
{{- $secret := get $.Values.secrets (index . 0) -}}
{{- if $secret.enabled -}}
{{- $from := dict "value" (index . 0) "path" (index . 1) "variable" (index . 2) "key" $secret.key "name" (default $default $secret.secretName) "text" $secret.value -}}
{{- $list = append $list $from -}}
{{- end -}}
{{- end -}}
{{- toJson $list -}}
{{- end -}}

{{- define "signalbox.secretNames" -}}
{{- $names := list -}}
{{- range include "signalbox.secrets" . | fromJsonArray -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{/* What cannot work is refused here, and not by pods that do not start. */}}
{{- define "signalbox.check" -}}
{{- $pods := ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled -}}
{{- if and (gt (int $pods) 1) (not .Values.secrets.redisUrl.enabled) (not (regexMatch "(?m)^\\s*url\\s*=\\s*\"rediss?:" .Values.config)) (not .Values.existingConfigMap) -}}
{{- fail (printf "replicaCount is %d without Redis: pods would not hear one another. Set secrets.redisUrl.enabled, or replicaCount to 1" (int $pods)) -}}
{{- end -}}
{{- $config := ternary "" .Values.config (ne .Values.existingConfigMap "") -}}
{{- $grace := regexFind "(?m)^\\s*grace_secs\\s*=\\s*[0-9]+" $config | regexFind "[0-9]+$" | default "25" | int -}}
{{- $needed := add $grace .Values.preStopSeconds 10 -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: expected %d or more, preStopSeconds (%d), [shutdown] grace_secs (%d) and 10 for the end" (int .Values.terminationGracePeriodSeconds) (int $needed) (int .Values.preStopSeconds) $grace) -}}
{{- end -}}
{{- if and .Values.admin.port (eq (int .Values.admin.port) (int .Values.service.port)) -}}
{{- fail (printf "admin.port is %d, the port of clients: expected another one, or null" (int .Values.admin.port)) -}}
{{- end -}}
{{- end -}}
