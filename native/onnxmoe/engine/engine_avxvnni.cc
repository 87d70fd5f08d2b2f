#include <immintrin.h>

#include "engine.h"

namespace onnxmoe {
namespace {

#include "avx2.inl"

inline IntVector DotQuads(IntVector sum, Bytes w, Bytes x) {
    return reinterpret_cast<IntVector>(
        _mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sum), reinterpret_cast<__m256i>(w), reinterpret_cast<__m256i>(x)));
}

#include "codes_vnni.inl"
#include "tile_codes.inl"

}  // namespace

extern const Engine kAvxVnniEngine;
const Engine kAvxVnniEngine = MakeEngine("avxvnni");

}  // namespace onnxmoe
