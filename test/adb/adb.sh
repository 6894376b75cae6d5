#!/bin/sh
# An `adb` with phones that are folders: $MNAS_PHONES/devices lists them as `adb devices` does, each has a folder of its
# serial (with _ for blanks and the like) as its file system, and its shell's programs in bin/. Calls are kept in calls.
printf '%s\n' "$*" >>"$MNAS_PHONES/calls"
if [ "$1" = devices ]; then
  printf 'List of devices attached\n'
  cat "$MNAS_PHONES/devices"
  exit
fi
serial=$2
shift 2
root=$MNAS_PHONES/$(printf %s "$serial" | tr -c 'A-Za-z0-9_.-' _)
state=$(sed -n "s/^$serial[[:space:]]*//p" "$MNAS_PHONES/devices")
if [ -z "$state" ]; then
  echo "error: device '$serial' not found" >&2
  exit 1
fi
case $1 in
  get-state) echo "$state" ;;
  push) cp "$2" "$root$3" && echo "$2: 1 file pushed, 0 skipped." ;;
  shell)
    command=$(printf %s "$2" | sed "s#/data/local/tmp#$root/data/local/tmp#g; s#/sys/devices#$root/sys/devices#g")
    PATH="$root/bin:$PATH" exec sh -c "$command"
    ;;
esac
