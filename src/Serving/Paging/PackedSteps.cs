using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Paging;

/// <summary>The inputs of a run that serves several steps, beside the pages: the tokens of all of them in one row.</summary>
internal sealed class PackedSteps
{
    /// <param name="steps">One sequence each, whose cache has room for its tokens.</param>
    /// <param name="model">What runs them.</param>
    /// <param name="graph">Which inputs there are.</param>
    /// <param name="threshold">Of the routers; null takes the model's.</param>
    /// <param name="tensors">Take the values; nobody else's until the run is over.</param>
    public PackedSteps(IReadOnlyList<ModelStep> steps, PagedModel model, IModelGraph graph, double? threshold, InputTensors tensors)
    {
        Inputs = tensors;
        tensors.Values.Clear();
        Tokens = steps.Sum(step => step.Tokens.Length);
        Requests = [.. steps.SelectMany(step => Enumerable.Repeat(step.Request, step.Tokens.Length))];
        ComputedBefore = steps.Any(step => step.Repeated > 0) ? [.. steps.SelectMany(step => step.Tokens.Select((_, column) => column < step.Repeated))] : null;
        var (ids, positions, experts) = (new long[Tokens], new long[Tokens], new long[Tokens]);
        var rows = new List<long>();
        for (var (i, token) = (0, 0); i < steps.Count; i++)
        {
            var step = steps[i];
            step.Tokens.CopyTo(ids, token);
            step.ExpertIds?.CopyTo(experts, token);
            for (var column = 0; column < step.Tokens.Length; column++)
                positions[token + column] = step.Cache.Length + column;
            token += step.Tokens.Length;
            rows.AddRange(Enumerable.Range(token - LogitRowsOf(step), LogitRowsOf(step)).Select(row => (long)row));
        }
        SetForEach(StepTensors.Ids, ids);
        SetForEach(StepTensors.Positions, positions);
        SetForEach(StepTensors.Mask, Array.ConvertAll(ids, _ => 1L)); // no node reads it, but the file has it
        if (graph.Inputs.ContainsKey(PreGate.ExpertIds))
            SetForEach(PreGate.ExpertIds, experts);
        model.Attention.SetInputs(steps, tensors);
        tensors.Set(PagedModel.LogitRows, rows.ToArray(), rows.Count);
        if (steps[0].ActiveExperts is { } number)
            tensors.Set(ActiveExperts.Input, [(long)number], 1);
        if (threshold is { } value)
            tensors.Set(RouterThreshold.Input, [(float)value]);

        // [N], or [1, N] where the graph has kept its batch.
        void SetForEach(string name, long[] values)
        {
            if (graph.Inputs[name].Dimensions.Length == 1)
                tensors.Set(name, values, Tokens);
            else
                tensors.Set(name, values, 1, Tokens);
        }
    }

    /// <summary>The inputs beside the pages.</summary>
    public InputTensors Inputs { get; }

    /// <summary>Tokens of all steps.</summary>
    public int Tokens { get; }

    /// <summary>The request of each token.</summary>
    public IReadOnlyList<long> Requests { get; }

    /// <summary>Whether each token was computed before; null when none was.</summary>
    public IReadOnlyList<bool>? ComputedBefore { get; }

    /// <summary>Scores of a step: those of its last token, unless all are wanted.</summary>
    public static int LogitRowsOf(ModelStep step) => step.LastLogitsOnly ? 1 : step.Tokens.Length;

    /// <summary>All inputs of a run.</summary>
    public Dictionary<string, OrtValue> InputsWith(IReadOnlyDictionary<string, OrtValue> pages) => new(Inputs.Values.Concat(pages));
}
