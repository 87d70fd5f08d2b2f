#pragma once

namespace onnxmoe {

// How the elements of a weight matrix are stored.
enum class WeightType { kFloat, kHalf, kInt8, kInt4 };
constexpr int kWeightTypes = 4;

constexpr bool IsQuantized(WeightType type) { return type == WeightType::kInt8 || type == WeightType::kInt4; }

// "Quantized" for codes with scales, else nothing: the ops' names differ by it.
constexpr const char* Prefix(WeightType type) { return IsQuantized(type) ? "Quantized" : ""; }

}  // namespace onnxmoe
