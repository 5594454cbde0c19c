#!/bin/bash
# The first process of the engine's PID and mount namespaces: it starts the parts in their order. If one ends, this
# ends, and the kernel ends all others with it.
#
# Variables from the engine: DIR is its folder, GATEWAY the address of its bridge, REGISTRY the registry on loopback;
# REGISTRY_PORT and API_PORT are ports, SERVICES is the network of Services, CONTROLLERS a list with commas.
set -euo pipefail

# Paths that are fixed in the code of containerd, CNI and the kubelet lead into the folder. A folder that one of them
# removed on the machine would lose its mount here, so `/var/lib` is covered before folders are made in it.
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$DIR/varlog" /var/log
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /var/lib/kubelet /var/lib/cni
mount --bind "$DIR/kubelet" /var/lib/kubelet
mount --bind "$DIR/cni" /var/lib/cni

# The kubelet would change these for the whole machine. It leaves them if it finds its own values.
while read -r name value; do
    if [ "$(cat "/proc/sys/$name")" != "$value" ]; then
        echo "$value" >"$DIR/sysctl/${name//\//.}"
        mount --bind "$DIR/sysctl/${name//\//.}" "/proc/sys/$name"
    fi
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

declare -A parts
part() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$DIR/log/$name.log" 2>&1 &
    parts[$!]=$name
    echo "$(date +%T) $name started"
}

# Shows which parts have ended, and why.
give_up() {
    for pid in "${!parts[@]}"; do
        if ! [ -e "/proc/$pid" ]; then
            echo "$(date +%T) ${parts[$pid]} ended; its log ends with:"
            tail -n 5 "$DIR/log/${parts[$pid]}.log"
        fi
    done
    exit 1
}

until_ok() { # COMMAND...
    until "$@" >/dev/null 2>&1; do
        if [ "$(jobs -rp | wc -l)" != "${#parts[@]}" ]; then give_up; fi
        sleep 0.1
    done
}

listens() { # ADDRESS PORT
    : <"/dev/tcp/$1/$2"
}

cd "$DIR/run"
part registry docker-registry serve "$DIR/etc/registry.yaml"
# Pods have a loopback of their own: they reach the registry on the address of the bridge.
part forward socat "TCP-LISTEN:$REGISTRY_PORT,bind=$GATEWAY,fork,reuseaddr" "TCP:$REGISTRY"
part containerd containerd --config "$DIR/etc/containerd.toml"
# Only sockets listen. The advertised addresses must have a host and a port; no part calls them.
part etcd etcd --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "unix://$DIR/run/etcd.sock" --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls "unix://$DIR/run/peer.sock" --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380
until_ok test -S "$DIR/run/etcd.sock"
part kube-apiserver kube-apiserver --etcd-servers "unix://$DIR/run/etcd.sock" \
    --bind-address 127.0.0.1 --secure-port "$API_PORT" --advertise-address "$GATEWAY" \
    --endpoint-reconciler-type none --service-cluster-ip-range "$SERVICES" \
    --tls-cert-file "$DIR/pki/apiserver.crt" --tls-private-key-file "$DIR/pki/apiserver.key" \
    --client-ca-file "$DIR/pki/ca.crt" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$DIR/pki/admin.crt" --kubelet-client-key "$DIR/pki/admin.key" \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$DIR/pki/sa.pub" --service-account-signing-key-file "$DIR/pki/sa.key"
# The controller manager ends if the API is not ready within 10 s.
until_ok listens 127.0.0.1 "$API_PORT"
until_ok kubectl get --raw /readyz
part kube-controller-manager kube-controller-manager --kubeconfig "$DIR/admin.kubeconfig" \
    --leader-elect=false --secure-port 0 --controllers "$CONTROLLERS" \
    --root-ca-file "$DIR/pki/ca.crt" --service-account-private-key-file "$DIR/pki/sa.key"
part kube-scheduler kube-scheduler --kubeconfig "$DIR/admin.kubeconfig" --leader-elect=false --secure-port 0
until_ok test -S "$DIR/containerd.sock"
part kubelet kubelet --config "$DIR/etc/kubelet.yaml" --kubeconfig "$DIR/node.kubeconfig" \
    --hostname-override s2i --node-ip "$GATEWAY" --cert-dir "$DIR/kubelet/pki"
touch "$DIR/run/started"
wait -n || true
give_up
