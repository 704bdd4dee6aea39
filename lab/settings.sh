# shellcheck shell=bash disable=SC2034
# Where a lab keeps its things and which ports it takes: all of it follows from LAB_HOME, LAB_NAME and LAB_PORT.

LAB_HOME=${LAB_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/lab}
LAB_NAME=${LAB_NAME:-main}
LAB_PORT=${LAB_PORT:-6443}

TOOLS=$LAB_HOME/tools        # builds, shared by all labs: one folder per component and version
RUN=$LAB_HOME/run/$LAB_NAME  # this lab's state, logs and process ids
SOCKETS=/run/lab/$LAB_NAME   # containerd's socket and state: a socket's path may not be longer than 107 bytes
PKI=$RUN/pki
ADMIN=$RUN/admin.kubeconfig

# A lab takes the ports LAB_PORT .. LAB_PORT+29. Those that people talk to can be chosen one by one.
ETCD_PORT=${ETCD_PORT:-$((LAB_PORT + 1))}
ETCD_PEER_PORT=$((LAB_PORT + 2))
KCM_PORT=$((LAB_PORT + 3))
SCHEDULER_PORT=$((LAB_PORT + 4))
KUBELET_PORT=$((LAB_PORT + 5))
KUBELET_HEALTH_PORT=$((LAB_PORT + 6))
PROXY_HEALTH_PORT=$((LAB_PORT + 7))
PROXY_METRICS_PORT=$((LAB_PORT + 8))
REGISTRY_PORT=${REGISTRY_PORT:-$((LAB_PORT + 9))}
INGRESS_PORT=${INGRESS_PORT:-$((LAB_PORT + 10))}
EDGE_PORT=${EDGE_PORT:-$((LAB_PORT + 11))}
XDS_PORT=$((LAB_PORT + 12))
CONTOUR_METRICS_PORT=$((LAB_PORT + 13))
CONTOUR_HEALTH_PORT=$((LAB_PORT + 14))
CONTOUR_DEBUG_PORT=$((LAB_PORT + 15))
ENVOY_STATS_PORT=$((LAB_PORT + 16))
ENVOY_ADMIN_PORT=$((LAB_PORT + 17))
KWOK_PORT=$((LAB_PORT + 18))
ARGO_METRICS_PORT=$((LAB_PORT + 19))
ARGO_HEALTH_PORT=$((LAB_PORT + 20))
PROMETHEUS_PORT=${PROMETHEUS_PORT:-$((LAB_PORT + 21))}
INGRESS_METRICS_PORT=$((LAB_PORT + 22))

# As in the pipeline that started the project; on the loopback interface, while a lab has them.
SEED_REGISTRY=172.16.77.115:5000
SEED_SERINUS=172.16.77.118:9300

# Two labs with the same Service range do not disturb each other: only the one with real pods programs the machine's iptables.
SERVICE_RANGE=10.96.0.0/16
POD_RANGE=10.244.0.0/16
HOST_IP=$(hostname -I | awk '{print $1}')
HOST_IP=${HOST_IP:-127.0.0.1}

# Go: the checksum database does not answer for every module everywhere; no C, so that binaries are static.
export GOSUMDB=off CGO_ENABLED=0

PATH=$TOOLS/kubectl-$KUBECTL:$TOOLS/kubernetes-$KUBERNETES:$TOOLS/etcd-$ETCD:$TOOLS/kwok-$KWOK:$TOOLS/contour-$CONTOUR:$PATH
PATH=$TOOLS/envoy-$ENVOY:$TOOLS/traefik-$TRAEFIK:$TOOLS/helm-$HELM:$TOOLS/argo-$ARGO:$TOOLS/prometheus-$PROMETHEUS:$PATH
