import { Option } from "commander";
import { count, countOrZero, hosts, integer, path, positive, shareOf } from "./option-values.ts";

/* Options that several commands have. */

export const json = (): Option => new Option("--json", "print JSON; errors as JSON on standard error");
export const seed = (): Option => new Option("--seed <n>", "decides everything that is random").argParser(integer);
export const data = (): Option =>
  new Option(
    "--data <source>",
    "fashion-mnist (embedded), or a folder of IDX files, CIFAR batches or images",
  ).argParser(path);
export const mostDamaged = (): Option =>
  new Option("--most-damaged <share>", "share of damaged images up to which the others are used (10%)").argParser(
    shareOf,
  );
export const strictData = (): Option =>
  new Option("--strict-data", "refuse data with damaged images, other files, or classes that a part lacks");
export const device = (): Option =>
  new Option(
    "--device <name>",
    "what times the networks: host, page[:NAME], adb[:SERIAL], tcp://HOST:PORT; table:FILE, predictor:FILE; or the proxy madds",
  );
export const space = (): Option =>
  new Option("--space <name>", "search space: mnasnet-tiny, mnasnet, or one of your own in the config file");
export const sustained = (): Option =>
  new Option("--sustained", "measure after a minute of load: what the device does for long");
export const listen = (): Option =>
  new Option("--listen <host[:port]>", "where devices that join find this machine (127.0.0.1)").argParser(path);
export const allowHost = (): Option =>
  new Option(
    "--allow-host <name[:port]>",
    "another name by which devices reach this machine, any number of times",
  ).argParser(hosts);
export const publicUrl = (): Option =>
  new Option("--public-url <url>", "address that leads devices to this machine, like https://NAME").argParser(path);
export const host = (): Option =>
  new Option("--host <host>", "address to listen on (127.0.0.1); 0.0.0.0 for all").argParser(path);
export const port = (): Option =>
  new Option("--port <n>", "port to listen on; 0 for any that is free").argParser(countOrZero);
export const size = (): Option => new Option("--size <px>", "side of the images").argParser(count);
export const width = (): Option => new Option("--width <x>", "width multiplier of a zoo network").argParser(positive);
export const flip = (): Option =>
  new Option("--flip", "mirror images where they are varied in training (as the data decide)");
export const noFlip = (): Option =>
  new Option("--no-flip", "mirror no images in training, for classes that a mirror changes, like left and right");
