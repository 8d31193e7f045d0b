import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** Interfaces of containers and virtual machines on this host: nobody else reaches them. */
const virtual = /^(docker|br-|veth|virbr|vmnet|lxc|cni|podman)/;

/** The address other machines of the network most likely reach this one at; undefined: it is in none. */
export function findLanAddress(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>> = networkInterfaces(),
): string | undefined {
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    if (virtual.test(name)) continue;
    const found = addresses.find(
      ({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'),
    );
    if (found !== undefined) return found.address;
  }
  return undefined;
}
