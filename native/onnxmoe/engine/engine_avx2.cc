#include <immintrin.h>

#include "engine.h"

namespace onnxmoe {
namespace {

constexpr int kVectorBytes = 32;
constexpr int kRows = 6;
constexpr int kVectors = 2;

#define ENGINE_WIDENS
inline __m256 WidenHalves(const Half* from) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))); }

#include "tile.inl"

}  // namespace

extern const Engine kAvx2Engine;
const Engine kAvx2Engine = MakeEngine("avx2");

}  // namespace onnxmoe
