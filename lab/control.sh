# shellcheck shell=bash
# The control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and the identities they use.

pki() {
  [ -f "$PKI/sa.key" ] || { openssl genrsa -out "$PKI/sa.key" 2048 && openssl rsa -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub"; } 2> /dev/null
  [ -f "$PKI/ca.crt" ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout "$PKI/ca.key" -out "$PKI/ca.crt" -days 3650 -subj /CN=lab-ca 2> /dev/null
  identity apiserver kube-apiserver system:masters
  identity admin admin system:masters
  identity kcm system:kube-controller-manager lab
  identity scheduler system:kube-scheduler lab
  identity kubelet system:node:node1 system:nodes
  identity proxy system:kube-proxy lab
}

# identity FILE USER GROUP: a certificate and a kubeconfig.
identity() {
  local names="subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,DNS:node1,IP:127.0.0.1,IP:10.96.0.1,IP:$HOST_IP"
  if [ ! -f "$PKI/$1.crt" ]; then
    openssl req -newkey rsa:2048 -nodes -keyout "$PKI/$1.key" -out "$PKI/$1.csr" -subj "/O=$3/CN=$2" 2> /dev/null
    openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 3650 -out "$PKI/$1.crt" -extfile <(echo "$names") 2> /dev/null
  fi
  cat > "$RUN/$1.kubeconfig" << EOK
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:$LAB_PORT", certificate-authority: $PKI/ca.crt}}]
users: [{name: $1, user: {client-certificate: $PKI/$1.crt, client-key: $PKI/$1.key}}]
contexts: [{name: lab, context: {cluster: lab, user: $1, namespace: default}}]
current-context: lab
EOK
}

k() { kubectl --kubeconfig "$ADMIN" "$@"; }

up() {
  if alive kcm > /dev/null; then
    all_alive
    say "$LAB_NAME is up already"
    return
  fi
  api
  free_ports "$KCM_PORT=kube-controller-manager" "$SCHEDULER_PORT=kube-scheduler"
  start kcm kube-controller-manager --kubeconfig="$RUN/kcm.kubeconfig" --secure-port="$KCM_PORT" --bind-address=127.0.0.1 --service-account-private-key-file="$PKI/sa.key" \
    --root-ca-file="$PKI/ca.crt" --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" --use-service-account-credentials=true \
    --leader-elect=false --cluster-cidr="$POD_RANGE" --allocate-node-cidrs=true --kube-api-qps=400 --kube-api-burst=800
  start scheduler kube-scheduler --kubeconfig="$RUN/scheduler.kubeconfig" --secure-port="$SCHEDULER_PORT" --bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=400 --kube-api-burst=800
  ready kcm k get serviceaccount default
  ready scheduler curl -skf "https://127.0.0.1:$SCHEDULER_PORT/healthz"
}

# etcd and kube-apiserver alone.
api() {
  local name
  if alive apiserver > /dev/null; then
    all_alive
    say "$LAB_NAME has its API already"
    return
  fi
  # What an earlier run left behind after a crash is in nobody's way.
  for name in $(started); do stop "$name"; done
  free_ports "$LAB_PORT=kube-apiserver" "$ETCD_PORT=etcd" "$ETCD_PEER_PORT=etcd peers"
  mkdir -p "$RUN/log" "$PKI"
  pki
  start etcd etcd --data-dir "$RUN/etcd" --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" --initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
    --initial-cluster "default=http://127.0.0.1:$ETCD_PEER_PORT" --unsafe-no-fsync --log-level warn
  ready etcd curl -sf "http://127.0.0.1:$ETCD_PORT/health"
  apiserver
  ready apiserver k get --raw /readyz
}

# AUDIT=1 writes every request's metadata to $RUN/audit.log.
apiserver() {
  local audit=()
  if [ -n "${AUDIT:-}" ]; then
    printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n' > "$RUN/audit.yaml"
    audit=(--audit-policy-file="$RUN/audit.yaml" --audit-log-path="$RUN/audit.log" --audit-log-maxsize=100000)
  fi
  start apiserver kube-apiserver --etcd-servers="http://127.0.0.1:$ETCD_PORT" --service-cluster-ip-range="$SERVICE_RANGE" --secure-port="$LAB_PORT" \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/sa.pub" --service-account-signing-key-file="$PKI/sa.key" \
    --authorization-mode=Node,RBAC --allow-privileged=true --kubelet-preferred-address-types=InternalIP --kubelet-client-certificate="$PKI/admin.crt" --kubelet-client-key="$PKI/admin.key" \
    --advertise-address="$HOST_IP" --max-requests-inflight=3000 --max-mutating-requests-inflight=1000 "${audit[@]}"
}

# Pods first, so that their shims end by themselves; then the processes. A second `down` finds nothing to do.
down() {
  local name
  [ ! -S "$SOCKETS/containerd.sock" ] || remove_pods > /dev/null 2>&1
  for name in argo traefik envoy contour prometheus kwok; do stop "$name"; done
  for name in proxy kubelet containerd seed registry scheduler kcm apiserver etcd; do stop "$name"; done
  leave_node
}

# Down, and the cluster's data forgotten. The builds stay. A shim that ends after its containerd still unmounts and writes for a moment, so that a folder
# may be busy or filled again: what is left is taken away as soon as it can be, and named when it can't.
clean() {
  local until=$((SECONDS + 30)) said
  down
  until said=$(take_away 2>&1); do
    [ "$SECONDS" -lt "$until" ] || die "clean: the folders of $LAB_NAME can't be taken away; end what uses them and clean again: $(tail -n 1 <<< "$said")"
    sleep 0.2
  done
}

take_away() {
  findmnt -rno TARGET | { grep -E "^($RUN|$SOCKETS)/" || true; } | sort -r | while read -r mount; do umount -l "$mount" || true; done
  rm -rf "$RUN" "$SOCKETS"
}
