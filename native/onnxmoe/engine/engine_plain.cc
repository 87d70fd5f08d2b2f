#include "engine.h"

namespace onnxmoe {
namespace {

// The vectors every 64-bit processor has.
constexpr int kVectorBytes = 16;
constexpr int kRows = 4;
constexpr int kQuantizedRows = 2;
constexpr int kVectors = 2;

#include "tile.inl"
#include "tile_codes.inl"

}  // namespace

extern const Engine kPlainEngine;
const Engine kPlainEngine = MakeEngine("plain");

}  // namespace onnxmoe
