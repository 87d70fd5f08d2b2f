using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Exporter;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>Trains and exports the models of a comparison, each in a folder named by recipe and settings; one that is there is taken as it is.</summary>
/// <param name="output">The comparison's folder.</param>
/// <param name="budget">Decides the steps.</param>
internal sealed class CompareTraining(string output, Budget budget, TextWriter log, bool terminal, CancellationToken cancel)
{
    private const int Evaluations = 10;

    /// <param name="name">The recipe's name.</param>
    /// <param name="recipe">Its settings; what the budget decides is changed.</param>
    public ComparedModel Make(string name, TrainSettings recipe)
    {
        recipe.Model.Check();
        if (recipe.Model.Backbone != ModelOptions.Decoder)
            throw new UserError($"{name} is a classifier (Model:Backbone={recipe.Model.Backbone}); onnxmoe compare compares language models.");
        var vocabulary = recipe.Data.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer().VocabularySize : recipe.Data.VocabularySize;
        var trainer = recipe.Trainer;
        trainer.Steps = budget.StepsOf(recipe, new DecoderLm(recipe.Model, vocabulary, seed: 0));
        trainer.WarmupSteps = Math.Min(trainer.WarmupSteps, trainer.Steps / 10);
        trainer.EvaluateEvery = Math.Max(1, trainer.Steps / Evaluations);
        trainer.Resume = true;
        var folder = Path.Combine(output, $"{name}-{recipe.Fingerprint()[..8]}");
        if (!IsTrained(folder))
            TrainRun.Execute(folder, recipe with { Name = Path.GetFileName(folder) }, log, terminal, cancel);
        cancel.ThrowIfCancellationRequested();
        if (ModelManifest.Load(folder).Exports.Count == 0)
            ExportRun.Execute(folder, new ExportOptions(), log, cancel);
        else
            log.WriteLine($"{name}: trained and exported before, in {folder}.");
        return new ComparedModel(name, folder, recipe);
    }

    private static bool IsTrained(string folder) => File.Exists(Path.Combine(folder, ModelManifest.FileName));
}
