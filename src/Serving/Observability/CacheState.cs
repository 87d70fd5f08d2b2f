using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Observability;

/// <summary>What the KV cache holds after a round of the engine.</summary>
/// <param name="Tokens">Of the sequences that run.</param>
/// <param name="Bytes">That these take.</param>
/// <param name="Pages">How the memory is shared out; null for a model whose sequences have caches in one piece.</param>
internal sealed record CacheState(long Tokens, long Bytes, CachePages? Pages)
{
    /// <summary>The state of a model's caches. Only the thread that runs the model may ask.</summary>
    public static CacheState Of(CausalModel model, long tokens) => new(tokens, tokens * model.CacheBytesPerToken, model is not PagedSession { Pools: var pools } ? null : new(
        pools[0].PageSize, pools.Sum(pool => pool.Pages), pools.Sum(pool => pool.Used), pools.Sum(pool => pool.Kept),
        pools.Sum(pool => pool.Queries * pool.PageSize), pools.Sum(pool => pool.Hits * pool.PageSize)));
}
