using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>What is searched: a trained supernet, and how its subnetworks are measured.</summary>
/// <param name="trained">The supernet.</param>
internal abstract class SearchSubject(TrainedModel trained)
{
    public TrainedModel Trained { get; } = trained;

    public ISupernet Supernet { get; } = trained.Supernet!;

    /// <summary>True where a prediction is right or wrong.</summary>
    public abstract bool Classifies { get; }

    /// <summary>What a loss is counted in.</summary>
    public virtual string LossUnit => "nats";

    /// <summary>The input whose cost is counted.</summary>
    public abstract CostContext Cost { get; }

    /// <summary>One input, for measuring time.</summary>
    /// <param name="model">What is measured.</param>
    public abstract IReadOnlyDictionary<string, HostTensor> OneInput(Model model);

    /// <summary>That of a supernet's kind.</summary>
    /// <exception cref="UserError">The model is no supernet.</exception>
    public static SearchSubject Of(string modelFolder, TrainedModel trained, SearchOptions options, TextWriter log) =>
        trained.Supernet is null ? throw new UserError($"'{trained.Manifest.Name}' is no supernet; a recipe with Supernet:Space trains one.")
        : trained.Any is Classifier ? new ClassifierSubject(trained, options.Calibration)
        : new TransformerSubject(modelFolder, trained, log);

    /// <summary>Makes the supernet run an architecture just as its extracted model does.</summary>
    public virtual void Activate(Architecture architecture) => Supernet.Active = architecture;

    /// <summary>The ordinary model of an architecture, quantized where its genes say so.</summary>
    public Model Extract(Architecture architecture)
    {
        Activate(architecture);
        return Finished(architecture, Supernet.Extract(architecture));
    }

    /// <summary>What measurements depend on besides the weights, as a part of a file name; empty: nothing.</summary>
    public virtual string Conditions => "";

    /// <summary>Adds to what the manifest of a subnetwork says of how it was made.</summary>
    public virtual void Describe(JsonObject measured)
    {
    }

    /// <summary>True where <see cref="Finished"/> makes another model of the extracted one.</summary>
    public virtual bool IsChanged(Architecture architecture) => false;

    /// <summary>What becomes of an extracted model.</summary>
    protected virtual Model Finished(Architecture architecture, Model extracted) => extracted;

    /// <summary>A model on data that neither training nor the final judgement use.</summary>
    public abstract Quality Validate(Model model);

    /// <summary>A model on data that neither training nor search saw.</summary>
    public abstract Quality Test(Model model);

    /// <summary>Logits of a model (or of the supernet at its present architecture) for inputs that were not trained on.</summary>
    public abstract HostTensor HeldOutLogits(Model model, TextWriter log);
}
