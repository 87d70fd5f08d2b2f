using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Rules between the settings of <see cref="RouterOptions"/> and the model's.</summary>
internal static class RouterOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckRouter(this ModelOptions options)
    {
        var router = options.Router;
        Require(options.Experts % router.DeviceGroups == 0,
            $"Model:Router:DeviceGroups is {router.DeviceGroups}, which does not divide Model:Experts {options.Experts}");
        Require(router.Selection != "topp" || router.TopP.P > 0, "Model:Router:TopP:P is 0, so no token would get an expert; it must be above 0");
        Require(router.Scores != "recurrent" || router.Recurrent.Pass || !router.Recurrent.Detach,
            "Model:Router:Recurrent:Detach is true, but Model:Router:Recurrent:Pass is false, so no state is handed on whose gradient could be cut; set one of the two the other way");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
