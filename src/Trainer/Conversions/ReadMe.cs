using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>Read-ME: an expert for each domain of the text, cut out of a dense model (Cai et al. 2024, arXiv 2410.19123).</summary>
public sealed class ReadMe : Conversion
{
    private ConversionInput? _input;
    private ExpertMasks? _masks;
    private float[][][] _importance = [];

    public override string Name => "read-me";

    public override RoutingTeacher? Teacher => _input is null ? null : new RoutingTeacher(_input.Sources[0].Model, _masks!, _input.Model.FirstDenseLayers);

    public override void Prepare(ConversionInput input)
    {
        var (dense, domains) = (Single(input.Sources).Model, input.Data.Domains);
        if (domains.Count < 2)
            throw new UserError($"Start:Convert 'read-me' makes an expert of each domain of the text, but Data:Source names {domains.Count}; name 2 or more, separated by commas.");
        if (input.Model.Experts != domains.Count)
            throw new UserError($"Model:Experts is {input.Model.Experts}, but Start:Convert 'read-me' makes an expert of each of the {domains.Count} domains in Data:Source.");
        if (input.Model.PreGate.Layers == 0)
            throw new UserError("Start:Convert 'read-me' makes experts that a router before the model chooses; set Model:PreGate:Layers to 1 or more.");
        if (dense.RoutedLayers.Any())
            throw new UserError($"Start:Convert 'read-me' cuts a dense model into experts, but '{input.Sources[0].Manifest.Name}' has routed layers.");
        if (input.Model.FfnBias)
            throw new UserError("Start:Convert 'read-me' needs feed-forward layers without biases; set Model:FfnBias to false in both recipes.");
        _importance = ActivationImportance.Collect(dense, domains, input.Start.Extraction.Samples, input.Length, input.Seed);
        _masks = ExpertMasks.Of(_importance, ExpertMasks.UnitsAt(input.Start.Extraction.KeepRate, _importance[0][0].Length));
        _masks.RequireOwnParts();
        ActivationExpertExtractor.Settle(input.Model, _masks, input.Start.Extraction.Fused);
        _input = input;
    }

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options) =>
        ActivationExpertExtractor.Copy(Single(sources).Model, target, _masks!, options.FirstDenseLayers, _input!.Start.Extraction.Fused);

    public override void Save(string folder) => _masks!.Save(Path.Combine(folder, ExpertMasks.FileName), _importance, _input!.Data.Domains.Select(domain => domain.Name));
}
