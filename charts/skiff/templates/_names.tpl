{{- define "skiff.name" -}}
{{ .Release.Name }}-skiff
{{- end }}

{{- define "skiff.labels" -}}
app.kubernetes.io/name: skiff
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "skiff.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "skiff.authority" -}}
{{ .Values.authoritySecret | default (printf "%s-authority" (include "skiff.name" .)) }}
{{- end }}

{{/* Signs a certificate for KIND NAME into /pki; the name comes from the pod. */}}
{{- define "skiff.sign" -}}
- name: certificate
  image: {{ include "skiff.image" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [/usr/bin/skiff, certificate, {{ .kind }}, "$(NAME)", --data-dir, /authority, --out, /pki]
  env:
    - name: NAME
      valueFrom: { fieldRef: { fieldPath: {{ .field }} } }
  volumeMounts:
    - { name: authority, mountPath: /authority, readOnly: true }
    - { name: pki, mountPath: /pki }
{{- end }}

{{/* Address of the API, from the environment that Kubernetes gives to pods of the namespace: agents dial an IP. */}}
{{- define "skiff.host" -}}
$({{ include "skiff.name" . | upper | replace "-" "_" }}_APISERVER_SERVICE_HOST)
{{- end }}
