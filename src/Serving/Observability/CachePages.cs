namespace OnnxMoe.Serving.Observability;

/// <summary>The pages of a KV cache, those of all devices together.</summary>
/// <param name="PageSize">Tokens of a page.</param>
/// <param name="Total">How many there are.</param>
/// <param name="Used">Those that sequences use.</param>
/// <param name="Kept">Those that nobody uses now, kept for sequences that begin alike.</param>
/// <param name="TokensAsked">Tokens that sequences looked for among the pages kept.</param>
/// <param name="TokensReused">Those of them that were there.</param>
internal sealed record CachePages(int PageSize, int Total, int Used, int Kept, long TokensAsked, long TokensReused);
