#include "paged_batch.h"

#include <vector>

#include "paged_attention.h"
#include "requirements.h"

namespace onnxmoe {

namespace {

std::string Element(const char* input, int64_t i) { return std::string(input) + "[" + std::to_string(i) + "]"; }

std::string Entry(int64_t sequence, int64_t page) { return "page_table[" + std::to_string(sequence) + "," + std::to_string(page) + "]"; }

void CheckStarts(const PagedBatch& batch) {
    if (batch.starts[0] != 0) throw InvalidInput("starts[0] is " + std::to_string(batch.starts[0]) + ", but must be 0");
    for (int64_t s = 0; s < batch.sequences; s++)
        if (batch.Count(s) < 0)
            throw InvalidInput(Element("starts", s + 1) + " is " + std::to_string(batch.starts[s + 1]) + ", less than " +
                               Element("starts", s) + " = " + std::to_string(batch.starts[s]) + ": starts must ascend");
    if (batch.starts[batch.sequences] != batch.tokens)
        throw InvalidInput(Element("starts", batch.sequences) + " is " + std::to_string(batch.starts[batch.sequences]) +
                           ", but must be the number of tokens, " + std::to_string(batch.tokens));
}

void CheckPositions(const PagedBatch& batch, int64_t rows) {
    for (int64_t n = 0; n < batch.tokens; n++)
        if (batch.positions[n] < 0 || batch.positions[n] >= rows)
            throw InvalidInput(Element("positions", n) + " is " + std::to_string(batch.positions[n]) +
                               ", but cos and sin have the rows 0.." + std::to_string(rows - 1));
}

void CheckPages(const PagedBatch& batch, int64_t page_size, int64_t pages) {
    struct Written {
        int32_t page;
        int64_t sequence, entry;
    };
    std::vector<Written> written;
    for (int64_t s = 0; s < batch.sequences; s++) {
        if (batch.past[s] < 0)
            throw InvalidInput(Element("past", s) + " is " + std::to_string(batch.past[s]) + ", but must not be negative");
        if (batch.Count(s) == 0) continue;
        if (batch.Length(s) > batch.max_pages * page_size)
            throw InvalidInput("sequence " + std::to_string(s) + " has " + std::to_string(batch.Length(s)) +
                               " tokens, but page_table has room for " + std::to_string(batch.max_pages) + " pages of " +
                               std::to_string(page_size));
        const int64_t needed = (batch.Length(s) + page_size - 1) / page_size;
        for (int64_t i = 0; i < needed; i++) {
            const int32_t page = batch.page_table[s * batch.max_pages + i];
            if (page < 0 || page >= pages)
                throw InvalidInput(Entry(s, i) + " is " + std::to_string(page) + ", but the caches have the pages 0.." +
                                   std::to_string(pages - 1));
            if (i >= batch.past[s] / page_size) written.push_back({page, s, i});
        }
    }
    // Two writers of one page would overwrite each other.
    std::sort(written.begin(), written.end(), [](const Written& a, const Written& b) {
        return a.page != b.page ? a.page < b.page : a.sequence != b.sequence ? a.sequence < b.sequence : a.entry < b.entry;
    });
    for (size_t i = 1; i < written.size(); i++)
        if (written[i].page == written[i - 1].page)
            throw InvalidInput(Entry(written[i - 1].sequence, written[i - 1].entry) + " and " +
                               Entry(written[i].sequence, written[i].entry) + " are both page " + std::to_string(written[i].page) +
                               ", and new tokens go into both: only pages that are full may be shared");
}

}  // namespace

PagedBatch::PagedBatch(const Context& context, const PagedSizes& sizes) {
    const auto input = [&](PagedAttention::InputIndex index) { return context.Input(index); };
    const Tensor q = input(PagedAttention::kQuery), k = input(PagedAttention::kKey), v = input(PagedAttention::kValue);
    const Tensor key_cache = input(PagedAttention::kKeyCache), value_cache = input(PagedAttention::kValueCache);
    const Tensor table = input(PagedAttention::kPageTable), first = input(PagedAttention::kStarts), old = input(PagedAttention::kPast);
    const Tensor places = input(PagedAttention::kPositions), cosines = input(PagedAttention::kCos), sines = input(PagedAttention::kSin);

    const size_t rank = q.shape.rank;
    const bool is_packed = rank == 2 || (rank == 3 && q.shape[0] == 1);
    const bool together = k.shape.rank == 0 && v.shape.rank == 0;
    const int64_t width = is_packed ? q.shape[rank - 1] : 0, heads = sizes.heads + (together ? 2 * sizes.kv_heads : 0);
    size = width / heads;
    if (size == 0 || width % heads != 0 || size % 8 != 0)
        throw InvalidInput("query has the shape " + q.shape.ToString() + ", but must be [N,H*d] or [1,N,H*d] with H = " + std::to_string(heads) +
                           " heads" + (together ? " (keys and values among them)" : "") + " of a size d that is a multiple of 8");
    if (!together && (k.shape.rank == 0 || v.shape.rank == 0)) throw InvalidInput("key and value must both be there, or both stand behind the queries in query");
    tokens = q.shape[rank - 2];
    const auto require_rows = [&](const Tensor& tensor, const char* name) {
        if (rank == 2)
            RequireShape(tensor, name, "[N,KV*d]", {tokens, sizes.kv_heads * size});
        else
            RequireShape(tensor, name, "[1,N,KV*d]", {1, tokens, sizes.kv_heads * size});
    };
    if (!together) {
        require_rows(k, "key");
        require_rows(v, "value");
    }
    RequireShape(key_cache, "key_cache", "[pages,KV*page_size*d]", {-1, sizes.kv_heads * sizes.page_size * size});
    const int64_t pages = key_cache.shape[0];
    RequireShape(value_cache, "value_cache", "[pages,KV*page_size*d]", {pages, key_cache.shape[1]});
    RequireShape(table, "page_table", "[S,max_pages]", {-1, -1});
    sequences = table.shape[0];
    max_pages = table.shape[1];
    RequireShape(first, "starts", "[S+1]", {sequences + 1});
    RequireShape(old, "past", "[S]", {sequences});
    if (places.shape.rank == 1)
        RequireShape(places, "positions", "[N]", {tokens});
    else
        RequireShape(places, "positions", "[1,N]", {1, tokens});
    RequireShape(cosines, "cos", "[L,d/2]", {-1, size / 2});
    RequireShape(sines, "sin", "[L,d/2]", {cosines.shape[0], size / 2});
    if (key_cache.data == value_cache.data && pages > 0) throw InvalidInput("key_cache and value_cache are the same memory");

    query = q.As<float>();
    key = together ? query + sizes.heads * size : k.As<float>();
    value = together ? key + sizes.kv_heads * size : v.As<float>();
    query_stride = width;
    key_stride = together ? width : sizes.kv_heads * size;
    keys = const_cast<void*>(key_cache.data);
    values = const_cast<void*>(value_cache.data);
    page_table = table.As<int32_t>();
    starts = first.As<int32_t>();
    past = old.As<int32_t>();
    positions = places.As<int64_t>();
    cos = cosines.As<float>();
    sin = sines.As<float>();
    CheckStarts(*this);
    CheckPositions(*this, cosines.shape[0]);
    CheckPages(*this, sizes.page_size, pages);
}

}  // namespace onnxmoe
