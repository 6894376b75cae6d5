export { matmulPacked } from "./matmul";
export { pack, packTransposed, transpose } from "./pack";
export { pointwiseBackward, pointwiseForward } from "./pointwise";
export { convBackward, convForward } from "./conv";
export { depthwiseBackward, depthwiseForward } from "./depthwise";
export { expandBackward, expandFinish, expandForward, expandPrepare, expandStatistics } from "./expand";
export {
  addForward,
  closeGradient,
  closeImages,
  copyBackward,
  copyForward,
  dropoutBackward,
  dropoutForward,
  scaleBackward,
  scaleForward,
  sigmoidBackward,
  sigmoidForward,
} from "./elementwise";
export {
  averagePoolBackward,
  averagePoolForward,
  maxPoolBackward,
  maxPoolForward,
  meanBackward,
  meanForward,
} from "./pool";
export { normBackward, normForward, normInference } from "./norm";
export { lossForward } from "./loss";
export { average, rmsprop, sgd, swap } from "./optimizer";

/** First byte that the module itself does not use. */
export function heapBase(): usize {
  return __heap_base;
}
