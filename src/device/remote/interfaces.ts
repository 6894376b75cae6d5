import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";

type Interfaces = NodeJS.Dict<readonly NetworkInterfaceInfo[]>;

/** Interfaces that lead to containers, virtual machines and private networks over others, by their usual names. */
const isVirtual =
  /^(docker|br-|veth|virbr|vmnet|vmenet|vboxnet|bridge\d|lxc|lxd|incus|podman|cni|flannel|cali|cilium|kube|vnet|tap|tun|utun|wg|tailscale|zt|ham\d|ppp|ipsec|gpd|dummy|feth|anpi|awdl|llw)|virtualbox|vmware|vethernet|hyper-v|wsl|tailscale|zerotier|wireguard|openvpn|tap-windows|loopback|nordlynx/i;
/** Addresses that routers give to homes and offices. */
const isPrivate = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][\da-f]{2}:)/i;
/** Addresses that an interface without a network gives to itself. */
const isOwn = /^169\.254\./;
/** Addresses of networks over others, and of providers; no phone in the room has one by Wi-Fi. */
const isShared = /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;

/** How likely a phone in the room reaches an address: 0 for the most likely. */
function rankOf(name: string, address: string): number {
  if (isOwn.test(address)) return 4;
  if (isVirtual.test(name)) return 3;
  if (isShared.test(address)) return 2;
  return isPrivate.test(address) ? 0 : 1;
}

/**
 * Addresses of this machine in its networks: Ethernet and Wi-Fi before virtual interfaces, private addresses before others,
 * IPv4 before IPv6.
 */
export function networkHosts(interfaces: Interfaces = networkInterfaces()): string[] {
  return Object.entries(interfaces)
    .flatMap(([name, list = []]) => list.map((each) => ({ ...each, rank: rankOf(name, each.address) })))
    .filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0)
    .sort((a, b) => a.rank - b.rank || a.family.localeCompare(b.family))
    .map(({ address }) => address);
}
