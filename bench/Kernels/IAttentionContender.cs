namespace OnnxMoe.Bench.Kernels;

/// <summary>A way to compute a step of attention.</summary>
internal interface IAttentionContender : IDisposable
{
    /// <summary>Runs the step on the cache of a layer; the output [Sequences * Tokens * Width].</summary>
    ReadOnlySpan<float> Run(int layer);
}
