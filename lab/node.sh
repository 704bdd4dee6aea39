# shellcheck shell=bash
# Nodes: one real (registry, containerd, kubelet, kube-proxy), or as many pretended ones as you like (kwok).

NODE_LOCK=/run/lab/node # names the lab that has real pods: they need the machine's bridge and iptables for themselves

node() {
  local other archive
  alive apiserver > /dev/null || die "the control plane of $LAB_NAME is not up; run: lab up"
  if alive kubelet > /dev/null; then
    all_alive
    say "$LAB_NAME has its node already"
    return
  fi
  other=$(cat "$NODE_LOCK" 2> /dev/null || true)
  [ -z "$other" ] || [ "$other" = "$LAB_NAME" ] || [ ! -S "/run/lab/$other/containerd.sock" ] || die "lab '$other' has real pods already, and a machine has room for one such lab; use kwok here, or run: LAB_NAME=$other lab down"
  free_ports "$REGISTRY_PORT=the registry" "$KUBELET_PORT=kubelet" "$KUBELET_HEALTH_PORT=kubelet's health" "$PROXY_HEALTH_PORT=kube-proxy's health" "$PROXY_METRICS_PORT=kube-proxy's metrics"
  mkdir -p "$RUN/cni" "$SOCKETS"
  echo "$LAB_NAME" > "$NODE_LOCK"
  registry
  echo 1 > /proc/sys/net/ipv4/ip_forward
  containerd_config > "$RUN/containerd.toml"
  cni_config > "$RUN/cni/10-bridge.conflist"
  start containerd containerd --config "$RUN/containerd.toml"
  ready containerd in_containerd version
  for archive in "$TOOLS/images-$IMAGES"/*.tar; do in_containerd -n k8s.io images import "$archive" > /dev/null; done
  kubelet_config > "$RUN/kubelet.yaml"
  start kubelet kubelet --config="$RUN/kubelet.yaml" --kubeconfig="$RUN/kubelet.kubeconfig" --hostname-override=node1 --root-dir="$RUN/kubelet"
  start proxy kube-proxy --kubeconfig="$RUN/proxy.kubeconfig" --cluster-cidr="$POD_RANGE" --hostname-override=node1 --proxy-mode=iptables \
    --conntrack-max-per-core=0 --healthz-bind-address="127.0.0.1:$PROXY_HEALTH_PORT" --metrics-bind-address="127.0.0.1:$PROXY_METRICS_PORT"
  ready kubelet k wait --for=condition=Ready node/node1 --timeout=1s
  ready proxy curl -sf "http://127.0.0.1:$PROXY_HEALTH_PORT/healthz"
}

in_containerd() { ctr --address "$SOCKETS/containerd.sock" "$@"; }

# A real registry (plain HTTP); the node takes it for every other registry too, so that the pull policy Always works without a network.
registry() {
  local archive tag
  mkdir -p "$RUN/registry"
  pulls_from "http://127.0.0.1:$REGISTRY_PORT" _default
  pulls_from "http://$SEED_REGISTRY" "$SEED_REGISTRY"
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\n' "$RUN/registry" "$REGISTRY_PORT" > "$RUN/registry.yaml"
  start registry docker-registry serve "$RUN/registry.yaml"
  ready registry curl -sf "http://127.0.0.1:$REGISTRY_PORT/v2/"
  [ ! -f "$RUN/registry/filled-$IMAGES" ] || return 0
  for archive in web shell; do
    for tag in $(tar -xOf "$TOOLS/images-$IMAGES/$archive.tar" manifest.json | jq -r '.[].RepoTags[]'); do
      skopeo copy -q --insecure-policy --dest-tls-verify=false "docker-archive:$TOOLS/images-$IMAGES/$archive.tar:$tag" "docker://127.0.0.1:$REGISTRY_PORT/${tag#docker.io/}"
    done
  done
  touch "$RUN/registry/filled-$IMAGES"
}

# pulls_from URL HOST: where the node gets images from whose names begin with HOST.
pulls_from() {
  mkdir -p "$RUN/certs.d/$2"
  printf 'server = "%s"\n[host."%s"]\n  capabilities = ["pull", "resolve"]\n' "$1" "$1" > "$RUN/certs.d/$2/hosts.toml"
}

# The addresses of the pipeline that started the project: its registry, which tells of each push, and where Serinus is to listen.
seed() {
  local address
  [ "$(cat "$NODE_LOCK" 2> /dev/null)" = "$LAB_NAME" ] || die "the node of $LAB_NAME is not up; run: lab node"
  ! alive seed > /dev/null || return 0
  for address in "${SEED_REGISTRY%:*}" "${SEED_SERINUS%:*}"; do ip address replace "$address/32" dev lo; done
  mkdir -p "$RUN/seed"
  cat > "$RUN/seed.yaml" << EOC
version: 0.1
storage: {filesystem: {rootdirectory: $RUN/seed}}
http: {addr: "$SEED_REGISTRY"}
notifications:
  endpoints:
    - name: serinus
      url: http://$SEED_SERINUS/v1/webhooks/registry
      headers: {Authorization: [Basic $(printf admin:admin | base64)]}
      timeout: 1s
      threshold: 5
      backoff: 1s
EOC
  start seed docker-registry serve "$RUN/seed.yaml"
  ready seed curl -sf "http://$SEED_REGISTRY/v2/"
}

# pack FILE NAME:TAG: for what is to run as a pod without a build of an image.
pack() {
  local archive
  if [ ! -f "${1:-}" ] || [ -z "${2:-}" ]; then die "usage: lab pack FILE NAME:TAG"; fi
  alive registry > /dev/null || die "the registry of $LAB_NAME is not up; run: lab node"
  archive=$RUN/packed.tar
  python3 "$HERE/images/make_images.py" pack "$1" "docker.io/$2" "$archive"
  skopeo copy -q --insecure-policy --dest-tls-verify=false "docker-archive:$archive" "docker://127.0.0.1:$REGISTRY_PORT/$2"
  rm -f "$archive"
}

# runc, not crun: crun refuses a mixed cgroup v1/v2. restrict_oom_score_adj: works without CAP_SYS_RESOURCE, as in a container.
containerd_config() {
  cat << EOC
version = 2
root = "$RUN/containerd"
state = "$SOCKETS/state"
[grpc]
  address = "$SOCKETS/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$RUN/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$RUN/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
EOC
}

cni_config() {
  cat << EOC
{"cniVersion": "0.4.0", "name": "lab", "plugins": [
  {"type": "bridge", "bridge": "lab0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$RUN/addresses", "ranges": [[{"subnet": "$POD_RANGE"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOC
}

# failCgroupV1 off: a machine with cgroup v1 will do.
kubelet_config() {
  cat << EOC
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
port: $KUBELET_PORT
healthzPort: $KUBELET_HEALTH_PORT
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://$SOCKETS/containerd.sock
maxPods: 400
evictionHard: {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%"}
resolvConf: ""
localStorageCapacityIsolation: false
registryPullQPS: 0
EOC
}

# The controllers go first, or they would make the pods again.
remove_pods() {
  local i id
  stop kcm
  stop scheduler
  k delete pods --all -A --force --grace-period=0 --wait=false --request-timeout=10s || true
  for i in $(seq 150); do
    if [ -z "$(in_containerd -n k8s.io tasks ls -q)" ] || ! alive kubelet; then break; fi
    sleep 0.1
  done
  stop kubelet
  for id in $(in_containerd -n k8s.io tasks ls -q); do in_containerd -n k8s.io tasks kill -s SIGKILL "$id" || true; done
  for id in $(in_containerd -n k8s.io tasks ls -q); do in_containerd -n k8s.io tasks delete -f "$id" || true; done
}

# Gives the machine's bridge and iptables back.
leave_node() {
  local address
  [ "$(cat "$NODE_LOCK" 2> /dev/null)" = "$LAB_NAME" ] || return 0
  kube-proxy --cleanup > /dev/null 2>&1 || true
  ip link delete lab0 2> /dev/null || true
  for address in "${SEED_REGISTRY%:*}" "${SEED_SERINUS%:*}"; do ip address delete "$address/32" dev lo 2> /dev/null || true; done
  rm -f "$NODE_LOCK" "$SOCKETS/containerd.sock"
}

# kwok [N]: N pretended nodes (10 unless told) with room for 250 pods each. Not together with `lab node`.
kwok() {
  local n=${1:-10} i
  alive apiserver > /dev/null || die "the control plane of $LAB_NAME is not up; run: lab up"
  if ! alive kwok > /dev/null; then
    free_ports "$KWOK_PORT=kwok"
    start kwok kwok --config="$TOOLS/kwok-$KWOK/stages.yaml" --kubeconfig="$ADMIN" --server-address="127.0.0.1:$KWOK_PORT" --manage-all-nodes=false \
      --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --node-lease-duration-seconds=40
  fi
  for i in $(seq "$n"); do
    printf '{"apiVersion":"v1","kind":"Node","metadata":{"name":"fake-%s","annotations":{"kwok.x-k8s.io/node":"fake"},"labels":{"kubernetes.io/os":"linux","type":"kwok"}},"status":{"allocatable":{"cpu":"250","memory":"1000Gi","pods":"250"},"capacity":{"cpu":"250","memory":"1000Gi","pods":"250"}}}\n' "$i"
  done | k apply -f - > /dev/null
  ready kwok k wait --for=condition=Ready "node/fake-$n" --timeout=1s
}
