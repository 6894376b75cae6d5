import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { networkHosts } from "../src/device/remote/interfaces.ts";

const network = (address: string): NetworkInterfaceInfo => ({
  address,
  netmask: "",
  mac: "",
  internal: address === "127.0.0.1" || address === "::1",
  cidr: null,
  ...(address.includes(":")
    ? { family: "IPv6" as const, scopeid: address.startsWith("fe80") ? 2 : 0 }
    : { family: "IPv4" as const }),
});

test.each([
  "docker0",
  "br-1a2b3c",
  "veth12ab",
  "virbr0",
  "vmnet8",
  "vboxnet0",
  "bridge100",
  "tailscale0",
  "ztabc123",
  "utun3",
  "tun0",
  "wg0",
  "podman0",
  "lxdbr0",
  "vEthernet (WSL)",
  "VMware Network Adapter VMnet1",
  "VirtualBox Host-Only Network",
])("an address of %s comes after those of Ethernet and Wi-Fi, and is there", (name) => {
  const hosts = networkHosts({
    lo: [network("127.0.0.1"), network("::1")],
    [name]: [network("172.17.0.1"), network("fd7a::1"), network("fe80::1")],
    eth0: [network("203.0.113.5"), network("2001:db8::5")],
    "Wi-Fi": [network("169.254.3.4")],
    wlan0: [network("192.168.1.7"), network("fe80::2")],
    en0: [network("100.64.3.2")],
  });
  expect(hosts).toEqual([
    "192.168.1.7",
    "203.0.113.5",
    "2001:db8::5",
    "100.64.3.2",
    "172.17.0.1",
    "fd7a::1",
    "169.254.3.4",
  ]);
});

test("all addresses of this machine are listed", () => {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = all.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  expect(networkHosts().toSorted()).toEqual(outside.map(({ address }) => address).toSorted());
});
