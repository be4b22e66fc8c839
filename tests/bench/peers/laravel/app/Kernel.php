<?php
namespace Peer\App;

class Kernel extends \Illuminate\Foundation\Http\Kernel
{
	protected $middleware = [
		Headers::class,
		\Illuminate\Foundation\Http\Middleware\ValidatePostSize::class,
		\Illuminate\Foundation\Http\Middleware\TrimStrings::class,
		\Illuminate\Foundation\Http\Middleware\ConvertEmptyStringsToNull::class,
	];
	protected $middlewareGroups = ['api' => ['throttle:api', \Illuminate\Routing\Middleware\SubstituteBindings::class]];
	protected $routeMiddleware = ['throttle' => \Illuminate\Routing\Middleware\ThrottleRequests::class];
}
