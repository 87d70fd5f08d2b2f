using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Experts;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>A matrix [N, N] that the loads of experts of several kinds are multiplied by before they meet the probabilities in the balance loss.</summary>
public static class LoadMixing
{
    /// <param name="kinds">The N experts.</param>
    /// <param name="tau">Weight of a zero-computation expert in the loss; a feed-forward one has 1 (MoE++, arXiv 2410.07348).</param>
    /// <param name="nullBucket">Gives each zero-computation expert the mean load of them all, so that only how often any is picked counts (AdaMoE, arXiv 2406.13233).</param>
    public static HostTensor Of(ExpertKinds kinds, double tau, bool nullBucket)
    {
        var free = Enumerable.Range(0, kinds.Count).Where(i => kinds[i] != ExpertKind.Ffn).ToArray();
        var matrix = new float[kinds.Count * kinds.Count];
        for (var i = 0; i < kinds.Count; i++)
        {
            if (kinds[i] == ExpertKind.Ffn)
                matrix[i * kinds.Count + i] = 1;
            else if (!nullBucket)
                matrix[i * kinds.Count + i] = (float)tau;
            else
                foreach (var j in free)
                    matrix[i * kinds.Count + j] = (float)(tau / free.Length);
        }
        return HostTensor.From(matrix, kinds.Count, kinds.Count);
    }
}
