using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Plans;

namespace OnnxMoe.Placement.Explanations;

/// <summary><c>place --explain LAYER EXPERT</c>: says why an expert of a plan is where it is.</summary>
public static class ExplainRun
{
    /// <summary>Explains one expert of the plan that the settings name.</summary>
    /// <param name="modelFolder">Folder with manifest.json and trace.bin; empty when the options name a trace and a plan.</param>
    /// <param name="options">Settings.</param>
    /// <param name="clusters">Folder of cluster descriptions, to find the plan's own when none is given.</param>
    /// <param name="output">Where to print.</param>
    /// <exception cref="UserError">No such layer or expert, or a plan for something else.</exception>
    public static void Execute(string modelFolder, PlaceOptions options, string clusters, TextWriter output)
    {
        if (options.Explain is not [var layer, var expert])
            throw new UserError($"--explain takes a layer and an expert, as in --explain 3 17, not {options.Explain.Length} numbers.");
        new ExplanationText(new Explanation(PlanSubject.Read(modelFolder, options, clusters), layer, expert)).Write(output);
    }
}
