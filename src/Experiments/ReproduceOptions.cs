using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Experiments;

/// <summary>The recipe's section Reproduce.</summary>
public sealed class ReproduceOptions
{
    [Setting("The system whose result is to be repeated, for example 20-deepseekmoe")]
    public string System { get; set; } = "";

    [Setting("Runs of each arm, with seeds Seed, Seed + 1, ...; a verdict needs 2 or more", Min = 1)]
    public int Seeds { get; set; } = 3;

    [Setting("Steps of a training run; 0: the experiment's own", Unit = "steps", Min = 0)]
    public int Steps { get; set; }

    [Setting("Threads of libtorch; 0: as many as there are cores", Min = 0)]
    public int Threads { get; set; } = 1;

    [Setting("Folder of the pages: results/NAME.md and the row in systems.md are written there")]
    public string Docs { get; set; } = "docs";

    [Setting("Forget the stored runs of this system and start over")]
    public bool Fresh { get; set; }
}
