# shellcheck shell=bash
# Data planes, and the peer to compare with: Traefik for Ingresses, Contour with Envoy for the Gateway API, the Argo Rollouts controller.

# Traefik's ingress-nginx provider honours the canary annotations. IngressClass `nginx`, on http://127.0.0.1:$INGRESS_PORT.
ingress() {
  alive apiserver > /dev/null || die "the control plane of $LAB_NAME is not up; run: lab up"
  ! alive traefik > /dev/null || return 0
  free_ports "$INGRESS_PORT=Traefik" "$INGRESS_METRICS_PORT=the metrics of Traefik"
  k apply -f - > /dev/null << 'EOC'
{"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}
EOC
  KUBECONFIG=$ADMIN start traefik traefik --entrypoints.web.address="127.0.0.1:$INGRESS_PORT" --ping=true --ping.entrypoint=web \
    --entrypoints.metrics.address="127.0.0.1:$INGRESS_METRICS_PORT" --metrics.prometheus.entryPoint=metrics --metrics.prometheus.addServicesLabels=true \
    --providers.kubernetesIngressNGINX=true --providers.kubernetesIngressNGINX.httpEntryPoint=web --log.level=WARN
  ready traefik curl -sf "http://127.0.0.1:$INGRESS_PORT/ping"
}

# Prometheus on http://127.0.0.1:$PROMETHEUS_PORT, which asks the ingress data plane every second how much it has sent to whom.
prometheus() {
  ! alive prometheus > /dev/null || return 0
  free_ports "$PROMETHEUS_PORT=Prometheus"
  mkdir -p "$RUN/log"
  build prometheus
  printf 'global: {scrape_interval: 1s}\nscrape_configs: [{job_name: ingress, static_configs: [{targets: ["127.0.0.1:%s"]}]}]\n' "$INGRESS_METRICS_PORT" > "$RUN/prometheus.yaml"
  start prometheus prometheus --config.file="$RUN/prometheus.yaml" --storage.tsdb.path="$RUN/prometheus" --web.listen-address="127.0.0.1:$PROMETHEUS_PORT" \
    --storage.tsdb.retention.time=1h --log.level=warn
  ready prometheus curl -sf "http://127.0.0.1:$PROMETHEUS_PORT/-/ready"
}

# Gateway `edge` in namespace `edge`, open to routes from everywhere, on http://127.0.0.1:$EDGE_PORT.
edge() {
  alive apiserver > /dev/null || die "the control plane of $LAB_NAME is not up; run: lab up"
  ! alive envoy > /dev/null || return 0
  free_ports "$EDGE_PORT=Envoy" "$XDS_PORT=Contour's xDS" "$CONTOUR_METRICS_PORT=Contour's metrics" "$CONTOUR_HEALTH_PORT=Contour's health" "$CONTOUR_DEBUG_PORT=Contour's debug" \
    "$ENVOY_STATS_PORT=Envoy's statistics" "$ENVOY_ADMIN_PORT=Envoy's admin"
  k apply --server-side --force-conflicts -k "$TOOLS/gateway-api-$GATEWAY_API" > /dev/null
  k apply --server-side --force-conflicts -f "$TOOLS/contour-$CONTOUR/crds.yaml" > /dev/null
  # Contour adds 8000 to a listener's port, modulo 65535, because it expects a container that may not bind low ones.
  k apply -f - > /dev/null << EOC
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}}
---
{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "contour"}, "spec": {"controllerName": "projectcontour.io/gateway-controller"}}
---
{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "edge", "namespace": "edge"},
 "spec": {"gatewayClassName": "contour", "listeners": [{"name": "http", "port": $(((EDGE_PORT - 8000 + 65535) % 65535)), "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}]}}
EOC
  printf 'gateway:\n  gatewayRef: {namespace: edge, name: edge}\nnetwork:\n  admin-port: %s\n' "$ENVOY_ADMIN_PORT" > "$RUN/contour.yaml"
  start contour contour serve --kubeconfig="$ADMIN" --insecure --config-path="$RUN/contour.yaml" --disable-leader-election --xds-address=127.0.0.1 --xds-port="$XDS_PORT" \
    --stats-address=127.0.0.1 --stats-port="$ENVOY_STATS_PORT" --http-address=127.0.0.1 --http-port="$CONTOUR_METRICS_PORT" \
    --health-address=127.0.0.1 --health-port="$CONTOUR_HEALTH_PORT" --debug-http-address=127.0.0.1 --debug-http-port="$CONTOUR_DEBUG_PORT"
  ready contour curl -sf "http://127.0.0.1:$CONTOUR_HEALTH_PORT/healthz"
  contour bootstrap "$RUN/envoy.json" --xds-address=127.0.0.1 --xds-port="$XDS_PORT" --xds-resource-version=v3 --admin-address="$RUN/envoy-admin.sock" > /dev/null
  start envoy envoy -c "$RUN/envoy.json" --service-cluster contour --service-node edge --concurrency 1 -l warning
  ready envoy curl -sf "http://127.0.0.1:$ENVOY_STATS_PORT/ready"
}

# The Argo Rollouts controller itself, to see what it really does with the same manifests. Arguments go to it, for example --instance-id=argo.
argo() {
  crds
  k create namespace argo-rollouts --dry-run=client -o yaml | k apply -f - > /dev/null
  POD_NAMESPACE=argo-rollouts start argo rollouts-controller --kubeconfig="$ADMIN" --metricsPort="$ARGO_METRICS_PORT" --healthzPort="$ARGO_HEALTH_PORT" "$@"
  ready argo curl -sf "http://127.0.0.1:$ARGO_HEALTH_PORT/healthz"
}

# The resource definitions of the Argo Rollouts controller.
crds() {
  alive apiserver > /dev/null || die "the control plane of $LAB_NAME is not up; run: lab up"
  build argo
  k apply --server-side --force-conflicts -f "$TOOLS/argo-$ARGO/crds" > /dev/null
}
