#pragma once

#include "kernel.h"

namespace onnxmoe {

// Causal attention of the new tokens of several sequences, whose keys and values lie in the pages of a cache. Rows
// starts[s] ... starts[s + 1] - 1 of query, key and value are the tokens past[s], past[s] + 1, ... of sequence s; token i of it lies in
// page page_table[s, i / page_size]. Without key and value those stand behind the queries in query. Queries and keys are rotated here by rows positions[n] of cos and sin.
//
// It writes the new keys and values into key_cache and value_cache, which are inputs. That is sound because they are fed (a constant is
// refused), belong to the caller, who feeds the same memory again in the next run, and have no other reader in the graph: neither the
// order of the nodes nor what ONNX Runtime keeps of a run can show the difference. Mistakes are found before anything is written.
class PagedAttention final : public Kernel {
   public:
    enum InputIndex { kQuery, kKey, kValue, kKeyCache, kValueCache, kPageTable, kStarts, kPast, kPositions, kCos, kSin, kInputCount };

    // half: the caches are half-precision.
    PagedAttention(const NodeInfo& info, WeightType type);

   protected:
    void Compute(Context& context) const override;

   private:
    bool half_;
    int64_t heads_, kv_heads_, page_size_;
};

}  // namespace onnxmoe
