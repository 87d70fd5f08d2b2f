using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Search;

/// <summary>Tokens between GPUs in one step from layer to layer (or iteration to iteration), kept up to date.</summary>
sealed class StepTraffic
{
    public StepTraffic(RoutingStep step, int[][] gpuOf, int gpus)
    {
        (Step, Flow) = (step, new long[gpus, gpus]);
        var (from, to) = (gpuOf[step.From], gpuOf[step.To]);
        for (var e1 = 0; e1 < from.Length; e1++)
        {
            for (var e2 = 0; e2 < to.Length; e2++)
                Flow[from[e1], to[e2]] += step.Tokens[e1, e2];
        }
    }

    public RoutingStep Step { get; }

    /// <summary>Tokens from GPU to GPU [G, G].</summary>
    public long[,] Flow { get; }

    /// <summary>An expert goes from one GPU to another; <paramref name="gpuOf"/> still has it on the first.</summary>
    public void Move(int layer, int expert, int from, int to, int[][] gpuOf)
    {
        var (sources, targets) = (gpuOf[Step.From], gpuOf[Step.To]);
        if (layer == Step.From)
        {
            for (var e = 0; e < targets.Length; e++)
            {
                Flow[from, targets[e]] -= Step.Tokens[expert, e];
                Flow[to, targets[e]] += Step.Tokens[expert, e];
            }
        }
        if (layer != Step.To)
            return;
        for (var e = 0; e < sources.Length; e++)
        {
            // In a step within a layer the expert's own row has moved already.
            var source = Step.From == Step.To && e == expert ? to : sources[e];
            Flow[source, from] -= Step.Tokens[e, expert];
            Flow[source, to] += Step.Tokens[e, expert];
        }
    }
}
