#include "paged_attention.h"

#include <cmath>
#include <vector>

#include "paged_batch.h"
#include "paged_cache.h"
#include "scratch.h"

namespace onnxmoe {

namespace {

// The two halves of a head are the coordinates of a rotation ("rotate half"); cos and sin [size / 2]. The result is scaled.
void Rotate(const float* x, const float* cos, const float* sin, int64_t size, float scale, float* to) {
    const int64_t half = size / 2;
    for (int64_t i = 0; i < half; i++) {
        to[i] = (x[i] * cos[i] - x[half + i] * sin[i]) * scale;
        to[half + i] = (x[half + i] * cos[i] + x[i] * sin[i]) * scale;
    }
}

// Neighbouring tokens of one sequence that share the reading of keys and values. A row is a query head of a token; the rows of a
// key-value head are token by token.
struct Stretch {
    int64_t sequence;
    int64_t first;  // token in the batch
    int64_t tokens;
    int64_t before;       // tokens of the sequence before the first
    int64_t pieces;       // into so many runs of splits is the work of a head cut
    int64_t nanoseconds;  // of a head
    float* partials;      // when cut: [kv_heads, rows, splits, PartialFloats]
    bool stores;          // its tasks write the new keys and values of their heads, which nobody else reads

    int64_t Length() const { return before + tokens; }
    int64_t Splits() const { return (Length() + kSplit - 1) / kSplit; }
};

// A task: some splits of a stretch for one key-value head.
struct Piece {
    const Stretch* stretch;
    int64_t head, first_split, last_split;
};

template <class Element>
class Attention {
   public:
    Attention(Context& context, const Engine& engine, const PagedSizes& sizes, const PagedBatch& batch,
              float* y)
        : context_(context),
          engine_(engine),
          batch_(batch),
          kv_heads_(sizes.kv_heads),
          group_(sizes.heads / sizes.kv_heads),
          size_(batch.size),
          page_size_(sizes.page_size),
          keys_{static_cast<Element*>(batch.keys), sizes.kv_heads, sizes.page_size, batch.size},
          values_{static_cast<Element*>(batch.values), sizes.kv_heads, sizes.page_size, batch.size},
          y_(y) {}

    void Run() const {
        std::vector<Stretch> stretches = Stretches();
        Scratch partials(PlacePartials(stretches, nullptr));
        PlacePartials(stretches, &partials);
        StoreForOthers(stretches);
        const std::vector<Piece> pieces = Pieces(stretches);
        int64_t nanoseconds = 0;
        for (const Stretch& stretch : stretches) nanoseconds += stretch.nanoseconds * kv_heads_;
        ParallelFor(context_, pieces.size(), nanoseconds, [&](int64_t i) { Attend(pieces[i]); });
        MergePieces(stretches);
    }

   private:
    // Writes the new keys and values that tasks of other stretches or pieces read, too.
    void StoreForOthers(const std::vector<Stretch>& stretches) const {
        std::vector<const Stretch*> read_by_others;
        int64_t tokens = 0;
        for (const Stretch& stretch : stretches) {
            if (stretch.stores) continue;
            read_by_others.push_back(&stretch);
            tokens += stretch.tokens;
        }
        ParallelFor(context_, read_by_others.size() * kv_heads_, tokens * kv_heads_ * size_ * 2,
                    [&](int64_t i) { Store(*read_by_others[i / kv_heads_], i % kv_heads_); });
    }

    // Writes the keys, rotated, and the values of a stretch into their pages.
    void Store(const Stretch& stretch, int64_t head) const {
        Scratch scratch(Scratch::Bytes<float>(size_) + Scratch::Bytes<Half>(size_));
        float* rotated = scratch.Take<float>(size_);
        Half* halves = scratch.Take<Half>(size_);
        for (int64_t i = 0; i < stretch.tokens; i++) {
            const int64_t n = stretch.first + i, position = stretch.before + i, from = n * batch_.key_stride + head * size_;
            const int64_t page = PageOf(stretch, position), place = position % page_size_;
            keys_.Await(page, head, place);
            Rotate(batch_.key + from, Cos(n), Sin(n), size_, 1.0f, rotated);
            values_.StoreValue(page, head, place, Stored(batch_.value + from, halves));
            keys_.StoreKey(page, head, place, Stored(rotated, halves));
        }
    }

    // The values as the cache holds them, in `halves` when those are halves.
    const Element* Stored(const float* values, Half* halves) const {
        if constexpr (std::is_same_v<Element, Half>) {
            engine_.narrow(values, size_, halves);
            return halves;
        } else {
            return values;
        }
    }

    // The batch cut into stretches, the longest work first, so that no thread begins it last.
    std::vector<Stretch> Stretches() const {
        // Enough rows to read keys and values from the cache of the core, few enough to fill all threads.
        constexpr int64_t kRowsAtATime = 96, kTasks = 32, kWorthAPiece = 20'000;
        const int64_t at_a_time = (kRowsAtATime + group_ - 1) / group_;
        std::vector<Stretch> stretches;
        int64_t total = 0;
        for (int64_t s = 0; s < batch_.sequences; s++) {
            const int64_t count = batch_.Count(s), cuts = (count + at_a_time - 1) / at_a_time;
            for (int64_t i = 0; i < cuts; i++) {
                const int64_t begin = count * i / cuts, end = count * (i + 1) / cuts;
                Stretch stretch{s, batch_.starts[s] + begin, end - begin, batch_.past[s] + begin, 1, 0, nullptr, cuts == 1};
                const int64_t elements = 2 * stretch.Length() * size_;
                stretch.nanoseconds = Nanoseconds(elements, elements * stretch.tokens * group_);
                total += stretch.nanoseconds * kv_heads_;
                stretches.push_back(stretch);
            }
        }
        const int64_t piece = std::max(total / kTasks, kWorthAPiece);
        for (Stretch& stretch : stretches) {
            stretch.pieces = std::clamp<int64_t>(stretch.nanoseconds / piece, 1, stretch.Splits());
            stretch.stores = stretch.stores && stretch.pieces == 1;
        }
        std::stable_sort(stretches.begin(), stretches.end(),
                         [](const Stretch& a, const Stretch& b) { return a.nanoseconds / a.pieces > b.nanoseconds / b.pieces; });
        return stretches;
    }

    // Gives the partials of the stretches that are cut their memory; returns the bytes.
    size_t PlacePartials(std::vector<Stretch>& stretches, Scratch* scratch) const {
        size_t bytes = 0;
        for (Stretch& stretch : stretches) {
            if (stretch.pieces == 1) continue;
            const int64_t floats = kv_heads_ * stretch.tokens * group_ * stretch.Splits() * PartialFloats(size_);
            bytes += Scratch::Bytes<float>(floats);
            if (scratch != nullptr) stretch.partials = scratch->Take<float>(floats);
        }
        return bytes;
    }

    std::vector<Piece> Pieces(const std::vector<Stretch>& stretches) const {
        std::vector<Piece> pieces;
        for (const Stretch& stretch : stretches)
            for (int64_t head = 0; head < kv_heads_; head++)
                for (int64_t i = 0; i < stretch.pieces; i++)
                    pieces.push_back({&stretch, head, stretch.Splits() * i / stretch.pieces, stretch.Splits() * (i + 1) / stretch.pieces});
        return pieces;
    }

    void Attend(const Piece& piece) const {
        const Stretch& stretch = *piece.stretch;
        const int64_t rows = stretch.tokens * group_, floats = PartialFloats(size_);
        const bool is_whole = stretch.partials == nullptr;
        if (stretch.stores) Store(stretch, piece.head);
        Scratch scratch(Scratch::Bytes<float>(rows * size_) + Scratch::Bytes<float>((rows + kMaxRows) * floats));
        float* queries = scratch.Take<float>(rows * size_);
        // The splits so far of every row, and the next one of a block of rows.
        float* sums = scratch.Take<float>((rows + kMaxRows) * floats);
        float* next = sums + rows * floats;

        const float scale = 1.0f / std::sqrt(static_cast<float>(size_));
        for (int64_t r = 0; r < rows; r++) {
            const int64_t n = stretch.first + r / group_;
            Rotate(batch_.query + n * batch_.query_stride + HeadOf(piece.head, r), Cos(n), Sin(n), size_, scale, queries + r * size_);
        }

        for (int64_t s = piece.first_split; s < piece.last_split; s++) {
            const Split<Element> split = View(stretch, piece.head, s);
            // The tokens before this split do not see it.
            const int64_t first = std::max<int64_t>(0, s * kSplit - stretch.before) * group_;
            const int64_t blocks = (rows - first + engine_.attended_rows - 1) / engine_.attended_rows;
            for (int64_t b = 0; b < blocks; b++) {
                // Blocks of even height: 7 rows are 4 + 3 and not 6 + 1.
                const int64_t begin = first + (rows - first) * b / blocks, end = first + (rows - first) * (b + 1) / blocks;
                const float* query[kMaxRows];
                float* partials[kMaxRows];
                int seen[kMaxRows];
                for (int64_t r = begin; r < end; r++) {
                    query[r - begin] = queries + r * size_;
                    seen[r - begin] = static_cast<int>(std::min<int64_t>(kSplit, stretch.before + r / group_ + 1 - s * kSplit));
                    partials[r - begin] = !is_whole ? Partial(stretch, piece.head, r, s)
                                          : s == 0  ? sums + r * floats
                                                    : next + (r - begin) * floats;
                }
                AttendBlock(split, query, seen, static_cast<int>(end - begin), partials);
                if (!is_whole || s == 0) continue;
                for (int64_t r = begin; r < end; r++) engine_.merge(partials[r - begin], size_, sums + r * floats);
            }
        }
        if (!is_whole) return;
        for (int64_t r = 0; r < rows; r++) Finish(sums + r * floats, y_ + Offset(stretch, piece.head, r));
    }

    void AttendBlock(const Split<Element>& split, const float* const* query, const int* seen, int rows, float* const* partials) const {
        if constexpr (std::is_same_v<Element, Half>)
            engine_.attend_half(split, query, seen, rows, partials);
        else
            engine_.attend(split, query, seen, rows, partials);
    }

    // The groups that the last token of the stretch sees.
    Split<Element> View(const Stretch& stretch, int64_t head, int64_t s) const {
        Split<Element> split;
        split.size = size_;
        const int64_t last = (stretch.Length() - 1) / kGroup;
        for (int64_t i = 0; i < kSplitGroups; i++) {
            const int64_t position = std::min(s * kSplitGroups + i, last) * kGroup;
            const int64_t page = PageOf(stretch, position);
            split.keys[i] = keys_.Group(page, head, position % page_size_);
            split.values[i] = values_.Group(page, head, position % page_size_);
        }
        return split;
    }

    int64_t PageOf(const Stretch& stretch, int64_t position) const {
        return batch_.page_table[stretch.sequence * batch_.max_pages + position / page_size_];
    }

    // Adds up the splits of the stretches that were cut, in their order: the same sums as those of one piece.
    void MergePieces(const std::vector<Stretch>& stretches) const {
        for (const Stretch& stretch : stretches) {
            if (stretch.partials == nullptr) continue;
            const int64_t rows = stretch.tokens * group_;
            ParallelFor(context_, kv_heads_ * rows, kv_heads_ * rows * stretch.Splits() * size_ / 8, [&](int64_t i) {
                const int64_t head = i / rows, r = i % rows, splits = (stretch.before + r / group_) / kSplit + 1;
                float* sum = Partial(stretch, head, r, 0);
                for (int64_t s = 1; s < splits; s++) engine_.merge(Partial(stretch, head, r, s), size_, sum);
                Finish(sum, y_ + Offset(stretch, head, r));
            });
        }
    }

    float* Partial(const Stretch& stretch, int64_t head, int64_t row, int64_t split) const {
        return stretch.partials + ((head * stretch.tokens * group_ + row) * stretch.Splits() + split) * PartialFloats(size_);
    }

    void Finish(const float* sum, float* y) const {
        const float scale = 1.0f / sum[size_ + 1];
        for (int64_t i = 0; i < size_; i++) y[i] = sum[i] * scale;
    }

    // Of a row within its token.
    int64_t HeadOf(int64_t head, int64_t row) const { return (head * group_ + row % group_) * size_; }

    // Of a row in y.
    int64_t Offset(const Stretch& stretch, int64_t head, int64_t row) const {
        return (stretch.first + row / group_) * kv_heads_ * group_ * size_ + HeadOf(head, row);
    }

    const float* Cos(int64_t token) const { return batch_.cos + batch_.positions[token] * (size_ / 2); }
    const float* Sin(int64_t token) const { return batch_.sin + batch_.positions[token] * (size_ / 2); }

    Context& context_;
    const Engine& engine_;
    const PagedBatch& batch_;
    int64_t kv_heads_, group_, size_, page_size_;
    PagedCache<Element> keys_, values_;
    float* y_;
};

}  // namespace

PagedAttention::PagedAttention(const NodeInfo& info, WeightType type)
    : Kernel("PagedAttention", info),
      half_(type == WeightType::kHalf),
      heads_(info.IntAttribute("num_heads", 0)),
      kv_heads_(info.IntAttribute("kv_num_heads", 0)),
      page_size_(info.IntAttribute("page_size", 0)) {
    if (kv_heads_ < 1 || heads_ < 1 || heads_ % kv_heads_ != 0)
        throw InvalidInput(Label() + "num_heads is " + std::to_string(heads_) + " and kv_num_heads " + std::to_string(kv_heads_) +
                           ", but num_heads must be a positive multiple of kv_num_heads");
    if (page_size_ < 1 || page_size_ % kGroup != 0)
        throw InvalidInput(Label() + "page_size is " + std::to_string(page_size_) + ", but must be a positive multiple of " +
                           std::to_string(kGroup));
    for (const InputIndex cache : {kKeyCache, kValueCache})
        if (info.ConstantInput(cache).Exists())
            throw InvalidInput(Label() + (cache == kKeyCache ? "key_cache" : "value_cache") +
                               " is a constant of the model, but must be fed: the op writes into it");
}

void PagedAttention::Compute(Context& context) const {
    const PagedSizes sizes{heads_, kv_heads_, page_size_};
    const PagedBatch batch(context, sizes);
    Shape shape = context.Input(kQuery).shape;
    shape.sizes[shape.rank - 1] = heads_ * batch.size;
    float* y = context.Output<float>(shape);
    if (half_)
        Attention<Half>(context, EngineInUse(), sizes, batch, y).Run();
    else
        Attention<float>(context, EngineInUse(), sizes, batch, y).Run();
}

}  // namespace onnxmoe
