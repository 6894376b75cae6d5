#!/bin/sh
# What benchmark_model prints, for runs that take as many microseconds as the model has kilobytes, and ten more.
runs=1
for flag in "$@"; do
  case $flag in
    --graph=*) graph=${flag#*=} ;;
    --num_runs=*) runs=${flag#*=} ;;
  esac
done
echo "INFO: STARTING!"
if [ "$(head -c 8 "$graph" | tail -c 4)" != TFL3 ]; then
  echo "ERROR: The model is not a valid Flatbuffer buffer"
  echo "ERROR: Failed to mmap model $graph"
  echo "ERROR: Benchmarking failed."
  exit 1
fi
echo "INFO: Loaded model $graph"
echo "INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate."
us=$(($(wc -c <"$graph") / 1024 + 10))
# Something that lasts, for tests that end it.
while [ -e "$(dirname "$0")/../../../hold" ]; do sleep 0.05; done
echo "INFO: count=7 first=$((us * 3)) curr=$us min=$us max=$((us * 3)) avg=$((us + us / 3)) std=2 p5=$us median=$us p95=$((us * 3))"
echo "INFO: count=$((runs + 40)) first=$us curr=$us min=$((us - 1)) max=$((us + 5)) avg=$us.25 std=1 p5=$us median=$us p95=$((us + 2))"
echo "INFO: Inference timings in us: Init: 4521, First inference: $((us * 3)), Warmup (avg): $((us + us / 3)), Inference (avg): $us.25"
